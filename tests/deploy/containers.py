"""The service in real containers: `make compose-test`, where there is an engine with compose.

Builds the images, brings everything up on volumes of its own, and does to it what happens to a
service: a worker that dies, more workers, a stop in mid-job, `down` and `up` again. Prints what it
saw as a Markdown table, and leaves nothing behind but the images. `--no-build` takes those that are
there.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.servers import free_port
from tests.stack import Spec, digits_spec, slow_spec, wait_for

ROOT = Path(__file__).parents[2]
PROJECT = f"subgrad-test-{os.getpid()}"
BASE = "python:3.11-slim-bookworm"
OWN_IMAGES = {"api": "subgrad-api", "dispatch": "subgrad-dispatch", "worker": "subgrad-worker"}


class Compose:
    """One project of the engine, on a port of its own."""

    def __init__(self) -> None:
        self.port = free_port()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=70)

    def __call__(self, *arguments: str) -> str:
        """Runs `docker compose …` to its end."""
        return docker("compose", "--project-name", PROJECT, *arguments, SUBGRAD_PORT=str(self.port))

    def up(self, *arguments: str) -> float:
        """Until everything is well; seconds that it took."""
        began = time.monotonic()
        self("up", "--detach", "--no-build", "--wait", *arguments)
        return time.monotonic() - began

    def containers(self, service: str) -> list[str]:
        return self("ps", "--all", "--quiet", service).split()

    def query(self, statement: str) -> str:
        psql = ("psql", "--username", "subgrad", "--dbname", "subgrad", "-At", "-c", statement)
        return self("exec", "-T", "postgres", *psql).strip()

    def post(self, spec: Spec) -> str:
        answer = self.http.post("/v1/jobs", json=spec).raise_for_status()
        return str(answer.json()["id"])

    def job(self, job_id: str, **parameters: int) -> dict[str, Any]:
        answer = self.http.get(f"/v1/jobs/{job_id}", params=parameters).raise_for_status()
        job: dict[str, Any] = answer.json()
        return job

    def succeeded(self, job_id: str) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            job = self.job(job_id, wait=30)
            return job if job["finished_at"] else None

        job = wait_for(ended, what=f"{job_id} ends", timeout_s=300)
        assert job["status"] == "succeeded", job
        return job

    def wait_for_epoch(self, job_id: str, epoch: int) -> None:
        wait_for(
            lambda: (self.job(job_id)["summary"] or {}).get("epoch", -1) >= epoch,
            what=f"{job_id} reaches epoch {epoch}",
            timeout_s=300,
        )

    def everything(self) -> tuple[list[dict[str, Any]], list[str]]:
        """All jobs, and each one's epochs as they are stored."""
        jobs = self.http.get("/v1/jobs", params={"limit": 200}).raise_for_status().json()["data"]
        return jobs, [self.http.get(f"/v1/jobs/{job['id']}/epochs").text for job in jobs]


def docker(*arguments: str, **environment: str) -> str:
    done = subprocess.run(
        ["docker", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def inspect(container: str, form: str) -> Any:
    return json.loads(docker("inspect", "--format", f"{{{{json {form}}}}}", container))


def inside(container: str, *command: str) -> int:
    """The exit code of a command in the container."""
    done = subprocess.run(["docker", "exec", container, *command], capture_output=True, check=False)
    return done.returncode


@contextmanager
def project() -> Iterator[Compose]:
    compose = Compose()
    try:
        yield compose
    except BaseException:
        sys.stderr.write(compose("logs", "--no-color", "--tail", "60"))
        raise
    finally:
        compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "20")


def look_at_images(compose: Compose) -> Iterator[tuple[str, str]]:
    """What is in the images, and what is not."""
    for service, image in OWN_IMAGES.items():
        over_base_mb = (size_of(image) - size_of(BASE)) / 1e6
        # The official base has some 130 MB, and the whole is to stay below 250.
        assert service != "api" or over_base_mb < 118, over_base_mb
        (container,) = compose.containers(service)
        assert inspect(container, ".HostConfig.ReadonlyRootfs") is True
        assert inside(container, "touch", "/opt/subgrad/x") != 0
        assert inside(container, "touch", "/tmp/x") == 0  # noqa: S108
        assert docker("exec", container, "id", "-u").strip() == "10001"
        for tool in ("gcc", "g++", "cc", "make"):
            assert inside(container, "sh", "-c", f"command -v {tool}") != 0, tool
        assert inside(container, "python", "-c", "import pip") != 0
        has_torch = inside(container, "python", "-c", "import torch") == 0
        assert has_torch == (service == "worker")
        yield f"image `{image}`", f"{over_base_mb:.0f} MB over the base"


def has_a_kernel() -> bool:
    """Whether this machine is one that the image has a kernel for."""
    return " avx2 " in Path("/proc/cpuinfo").read_text()


def size_of(image: str) -> int:
    return int(docker("image", "inspect", "--format", "{{.Size}}", image))


def look_at_ports(compose: Compose) -> tuple[str, str]:
    published = {
        f"{service['Service']} {port['URL']}:{port['PublishedPort']}"
        for line in compose("ps", "--format", "json").splitlines()
        for service in [json.loads(line)]
        for port in service["Publishers"] or []
        if port["PublishedPort"]
    }
    assert published == {f"api 127.0.0.1:{compose.port}"}
    return "published ports", "the API's on 127.0.0.1, no other"


def lose_a_worker(compose: Compose) -> tuple[str, str]:
    """The worker's container dies in mid-job; the engine starts it again."""
    job_id = compose.post(slow_spec(epochs=200))
    compose.wait_for_epoch(job_id, 2)
    (worker,) = compose.containers("worker")
    # Not `docker kill`: whom a user kills the engine does not start again.
    os.kill(int(inspect(worker, ".State.Pid")), signal.SIGKILL)
    began = time.monotonic()
    job = compose.succeeded(job_id)
    restarts = inspect(worker, ".RestartCount")
    assert job["attempt"] == 2
    assert restarts == 1
    took = time.monotonic() - began
    return "worker killed in mid-job", f"started again, job done {took:.0f} s later, at attempt 2"


def scale(compose: Compose) -> tuple[str, str]:
    compose.up("--scale", "worker=2")
    ready = "SELECT count(*) FROM workers WHERE ready AND seen_at > now() - interval '10 s'"
    wait_for(lambda: compose.query(ready) == "2", what="two workers are ready", timeout_s=300)
    # Of other shapes each, so that they cannot share a cohort.
    jobs = [compose.post(slow_spec(batch_size=16 + n, epochs=10_000)) for n in (0, 1)]
    busy = "SELECT count(DISTINCT worker_id) FROM jobs WHERE status = 'running'"
    wait_for(lambda: compose.query(busy) == "2", what="both train", timeout_s=300)
    for job_id in jobs:
        compose.http.post(f"/v1/jobs/{job_id}/cancel").raise_for_status()
    compose.up("--scale", "worker=1")
    return "`--scale worker=2`", "two workers ready, two jobs trained at a time"


def stop_in_mid_job(compose: Compose) -> tuple[str, str]:
    job_id = compose.post(slow_spec(epochs=200))
    compose.wait_for_epoch(job_id, 2)
    own = [one for name in OWN_IMAGES for one in compose.containers(name)]
    began = time.monotonic()
    compose("stop", *OWN_IMAGES)
    took = time.monotonic() - began
    assert {inspect(one, ".State.ExitCode") for one in own} == {0}
    assert compose.query(f"SELECT status FROM jobs WHERE id = '{job_id}'") == "queued"  # noqa: S608
    compose.up()
    compose.succeeded(job_id)
    return (
        "`stop` (SIGTERM) in mid-job",
        f"{took:.1f} s, every exit code 0; job handed back and done",
    )


def down_and_up(compose: Compose) -> tuple[str, str]:
    before = compose.everything()
    compose("down", "--timeout", "20")
    took = compose.up()
    assert compose.everything() == before
    compose.succeeded(compose.post(digits_spec()))
    return (
        "`down`, `up`",
        f"well after {took:.0f} s; {len(before[0])} jobs and their epochs unchanged",
    )


def run(*, build: bool) -> Iterator[tuple[str, str]]:
    with project() as compose:
        if build:
            began = time.monotonic()
            compose("build", "--quiet")
            yield "`build`", f"{time.monotonic() - began:.0f} s"
        yield "`up`, until everything is well", f"{compose.up():.0f} s"
        job = compose.succeeded(compose.post(digits_spec()))
        engine = job["environment"]["engine"]
        assert engine.startswith("native") or not has_a_kernel(), engine
        yield "a job over the published port", f"succeeded, engine {engine}"
        yield from look_at_images(compose)
        yield look_at_ports(compose)
        for happening in (lose_a_worker, scale, stop_in_mid_job, down_and_up):
            yield happening(compose)


def main() -> int:
    if shutil.which("docker") is None:
        sys.stderr.write("There is no docker here.\n")
        return 1
    print("| what | seen |\n|---|---|", flush=True)
    for what, seen in run(build="--no-build" not in sys.argv):
        print(f"| {what} | {seen} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
