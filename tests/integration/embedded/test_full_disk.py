"""The embedded default on a disk that fills up: a real one, of a few megabytes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.settings import Settings
from tests.integration.client.commands import PROGRAM
from tests.integration.embedded.up import Up
from tests.integration.worker.checking import assert_undisturbed
from tests.servers import free_port
from tests.stack import digits_spec, slow_spec, wait_for


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MB."""
    place = tmp_path / "small"
    place.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("NO DISK TO FILL HERE: only root may mount a small file system (Linux)")
    mount = ["mount", "-t", "tmpfs", "-o", "size=48m", "subgrad-test", str(place)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"NO DISK TO FILL HERE: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_disk_is_told_and_nothing_is_lost_once_there_is_room_again(small: Path) -> None:
    up = Up(small / "home", free_port())
    try:
        up.wait_until_ready()
        family = set(up.descendants())
        with httpx.Client(base_url=up.url, timeout=70) as http:
            accepted = [_post(http, digits_spec()), _post(http, slow_spec(epochs=80))]
            _wait_for_epoch(http, accepted[1], 2)
            ballast = small / "ballast"
            refusal = wait_for(
                lambda: _refused_when_full(http, accepted, ballast),
                what="the service says that there is no room",
                timeout_s=120,
            )
            assert refusal.status_code == 503, refusal.text
            assert refusal.headers["content-type"] == "application/problem+json"
            assert int(refusal.headers["retry-after"]) > 0
            assert refusal.json()["code"] == "disk_full", refusal.text
            assert http.get("/healthz").status_code == 200
            assert http.get("/v1/jobs").status_code == 200
            found = _examine(up)
            assert found["disk"]["verdict"] == found["writing"]["verdict"] == "failed"
            assert "0.0 GiB free" in found["disk"]["detail"]
            assert "full" in found["writing"]["detail"]
            assert "room" in found["disk"]["advice"]
            assert "room" in found["writing"]["advice"]
            ballast.unlink()
            for job_id in accepted:
                assert _ended(http, job_id)["status"] == "succeeded"
            up.wait_until_ready()
        assert family <= set(up.descendants()), "a process ended of it"
    finally:
        up.close()
    assert_undisturbed(Settings(home=up.home), accepted)


def _post(http: httpx.Client, spec: dict[str, Any]) -> str:
    return str(http.post("/v1/jobs", json=spec).raise_for_status().json()["id"])


def _refused_when_full(
    http: httpx.Client, accepted: list[str], ballast: Path
) -> httpx.Response | None:
    """The answer to a post that was not accepted. For a while the database has room of its own."""
    _fill(ballast)
    answer = http.post("/v1/jobs", json=digits_spec(seed=len(accepted), epochs=1))
    if answer.status_code != httpx.codes.ACCEPTED:
        return answer
    accepted.append(answer.json()["id"])
    return None


def _fill(ballast: Path) -> None:
    """Takes what room is left, to the last block."""
    with ballast.open("ab", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while True:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, size)
            except OSError:
                continue


def _wait_for_epoch(http: httpx.Client, job_id: str, epoch: int) -> None:
    def reached() -> bool:
        summary = http.get(f"/v1/jobs/{job_id}").json()["summary"]
        return summary is not None and summary["epoch"] >= epoch

    wait_for(reached, what=f"epoch {epoch}")


def _ended(http: httpx.Client, job_id: str) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        job: dict[str, Any] = http.get(f"/v1/jobs/{job_id}", params={"wait": 60}).json()
        return job if job["finished_at"] else None

    return wait_for(ended, what=f"{job_id} ends", timeout_s=180)


def _examine(up: Up) -> dict[str, Any]:
    done = subprocess.run(
        [*PROGRAM, "doctor", "--json"],
        env=up.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return {one["check"]: one for one in json.loads(done.stdout)}
