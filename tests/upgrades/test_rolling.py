"""The newest release in real processes, on the schema that this version's migrations make."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.settings import Settings
from tests.stack import Stack, digits_spec, slow_spec, wait_for
from tests.upgrades.release import releases, unpack
from tests.upgrades.visitor import Visitor

PROCESSES = ("service.api", "service.dispatch", "workers")


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the code of the newest release."""
    folder = tmp_path_factory.mktemp("released")
    unpack(releases()[0], folder)
    return folder


@pytest.fixture
def stack(tmp_path: Path, empty_postgresql_url: str, broker_url: str) -> Iterator[Stack]:
    """On PostgreSQL: SQLite's one process group is upgraded while it is down."""
    # Two slots: one for a job that lasts as long as the test.
    settings = Settings(
        home=tmp_path, database_url=empty_postgresql_url, broker_url=broker_url, worker_slots=2
    )
    stack = Stack(settings)
    yield stack
    stack.close()


def migrate(stack: Stack, code: Path | None = None) -> None:
    subprocess.run(
        [sys.executable, "-m", "service.db.migrate"],
        cwd=code,
        env=stack.settings.as_environment(),
        check=True,
    )


def start(stack: Stack, module: str, code: Path | None = None) -> None:
    # Where there is no compiler PyTorch trains: an old kernel need not be built for this.
    stack.start(module, code=code, environment={"PATH": str(code)} if code else None)


def test_the_release_serves_while_its_schema_is_migrated_and_after(
    stack: Stack, released: Path
) -> None:
    migrate(stack, released)
    for module in PROCESSES:
        start(stack, module, released)
    stack.wait_until_ready()
    in_mid_job = stack.post(slow_spec(epochs=10_000))
    stack.wait_for_epoch(in_mid_job, 1)
    with Visitor(str(stack.http.base_url), digits_spec(epochs=1)) as visitor:
        visitor.wait_for_rounds(3)
        migrate(stack)
        visitor.wait_for_rounds(3)
        use_every_route(stack)
    assert visitor.complaints == []
    job = stack.job(in_mid_job)
    stack.wait_for_epoch(in_mid_job, job["summary"]["epoch"] + 1)
    assert (job["status"], job["attempt"]) == ("running", 1)


def test_both_versions_work_side_by_side(stack: Stack, released: Path) -> None:
    """Whatever is replaced first."""
    migrate(stack)
    for module in PROCESSES:
        start(stack, module, released)
    stack.wait_until_ready()
    for replaced in ("workers", "service.dispatch"):
        stack.stop(replaced)
        start(stack, replaced)
    by_the_new = ended(stack, stack.post(digits_spec()))
    assert by_the_new["status"] == "succeeded"
    for replaced, code in (("workers", released), ("service.api", None)):
        stack.stop(replaced)
        start(stack, replaced, code)
    stack.wait_until_ready()
    by_the_old = ended(stack, stack.post(digits_spec(seed=1)))
    assert by_the_old["status"] == "succeeded"
    assert stack.epochs(by_the_new["id"])["epoch"] == [0, 1, 2, 3]


def use_every_route(stack: Stack) -> None:
    """What a client does, from an upload to a deletion; each answer is the one documented."""
    http = stack.http
    csv = "x,y\n" + "".join(f"{n},{n % 3 - 1}\n" for n in range(40))
    asked = {"task": "regression", "target": "y", "name": "zigzag"}
    uploaded = http.post(
        "/v1/datasets", content=csv, params=asked, headers={"Content-Type": "text/csv"}
    )
    dataset = answered(uploaded, 201)["id"]
    spec = {
        "dataset": {"name": "upload", "dataset_id": dataset},
        "network": {"hidden": [8]},
        "activation": {"name": "relu", "derivative_at_zero": 0.5},
        "loss": {"name": "mse"},
        "optimizer": {"learning_rate": 0.01},
        "epochs": 3,
    }
    answered(http.post("/v1/jobs", params={"dry_run": True}, json=spec))
    keyed = {"Idempotency-Key": "once"}
    job = answered(http.post("/v1/jobs", json=spec, headers=keyed), 202)["id"]
    assert answered(http.post("/v1/jobs", json=spec, headers=keyed), 202)["id"] == job
    sweep = answered(
        http.post("/v1/sweeps", json={"base": spec, "axes": {"seed": {"range": 2}}}), 202
    )["id"]
    assert ended(stack, job)["status"] == "succeeded"
    with http.stream("GET", f"/v1/sweeps/{sweep}/events") as events:
        assert any(line == "event: end" for line in events.iter_lines())
    with http.stream("GET", f"/v1/jobs/{job}/events") as events:
        assert any(line == "event: end" for line in events.iter_lines())
    for series in ("epochs", "layers", "units"):
        assert answered(http.get(f"/v1/jobs/{job}/{series}"))
    assert answered_bytes(http.get(f"/v1/jobs/{job}/weights"))
    member = answered(http.get("/v1/jobs", params={"sweep_id": sweep}))["data"][0]["id"]
    assert answered(http.get("/v1/compare", params={"jobs": f"{job},{member}"}))
    assert answered(http.get(f"/v1/sweeps/{sweep}/table"))
    for path in ("/v1/jobs", "/v1/sweeps", "/v1/datasets", f"/v1/datasets/{dataset}"):
        assert answered(http.get(path))
    cancelled = answered(http.post("/v1/jobs", json=digits_spec(epochs=10_000)), 202)["id"]
    answered(http.post(f"/v1/jobs/{cancelled}/cancel"), 202)
    assert ended(stack, cancelled)["status"] == "cancelled"
    answered(http.post(f"/v1/jobs/{cancelled}/retry"), 202)
    answered(http.post(f"/v1/jobs/{cancelled}/cancel"), 202)
    assert ended(stack, cancelled)["status"] == "cancelled"
    assert http.delete(f"/v1/jobs/{cancelled}").status_code == 204
    assert http.delete(f"/v1/datasets/{dataset}").status_code == 409  # jobs use it


def ended(stack: Stack, job_id: str) -> dict[str, Any]:
    """The job, once it has ended."""
    return wait_for(
        lambda: job if (job := stack.job(job_id, wait=30))["finished_at"] else None,
        what=f"{job_id} ends",
        timeout_s=240,
    )


def answered(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


def answered_bytes(answer: httpx.Response) -> bytes:
    assert answer.status_code == 200, answer.text
    return answer.content
