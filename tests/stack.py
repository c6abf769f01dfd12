"""The processes of the service, started as a user would start them, on the test's settings."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

import httpx
import psutil

from service.settings import Settings
from tests.servers import free_port

Spec = dict[str, Any]
T = TypeVar("T")


def digits_spec(**changes: Any) -> Spec:
    """A small job on digits, trained within some milliseconds."""
    spec: Spec = {
        "dataset": {"name": "digits"},
        "network": {"kind": "mlp", "hidden": [16, 16]},
        "activation": {"name": "relu"},
        "loss": {"name": "cross_entropy"},
        "optimizer": {"learning_rate": 0.1},
        "epochs": 3,
    }
    return spec | changes


def slow_spec(**changes: Any) -> Spec:
    """A job that can be met in mid-run: some 30 ms an epoch."""
    slow: Spec = {"network": {"kind": "mlp", "hidden": [512, 512]}, "batch_size": 16, "epochs": 60}
    return digits_spec(**(slow | changes))


def wait_for(look: Callable[[], T | None], *, what: str, timeout_s: float = 60.0) -> T:
    """What `look` returns as soon as it is true. Fails with `what` when the time is up."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {timeout_s:.0f} s: {what}")


class Stack:
    """API, dispatch and workers as processes of their own."""

    def __init__(self, settings: Settings, log: IO[bytes] | None = None) -> None:
        self._log = log
        self.settings = settings.model_copy(update={"port": free_port(), "poll_s": 0.02})
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{self.settings.port}", timeout=httpx.Timeout(70.0)
        )
        self._processes: list[subprocess.Popen[bytes]] = []
        self._by_module: dict[str, subprocess.Popen[bytes]] = {}

    def start(
        self,
        module: str,
        *,
        settings: Settings | None = None,
        environment: Mapping[str, str] | None = None,
        code: Path | None = None,
    ) -> "subprocess.Popen[bytes]":
        """Starts a process, if need be on settings, with an environment, and from a folder with
        code of its own."""
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=code,
            env=(settings or self.settings).as_environment() | dict(environment or {}),
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        self._processes.append(process)
        self._by_module[module] = process
        return process

    def stop(self, module: str, *, by: int = signal.SIGTERM) -> None:
        """Ends the process of that module that was started last, and waits for it."""
        process = self._by_module.pop(module)
        process.send_signal(by)
        process.wait(30)
        self._processes.remove(process)

    def start_all(self) -> "subprocess.Popen[bytes]":
        """Starts everything, waits until it is ready, and returns the worker."""
        self.start("service.api")
        self.start("service.dispatch")
        worker = self.start("workers")
        self.wait_until_ready()
        return worker

    def wait_until_ready(self) -> None:
        wait_for(lambda: self._answers("/readyz"), what="/readyz answers 200")

    def wait_until_listening(self) -> None:
        wait_for(lambda: self._answers("/healthz"), what="/healthz answers 200")

    def _answers(self, path: str) -> bool:
        ended = [process.args for process in self._processes if process.poll() is not None]
        assert not ended, f"ended instead of answering: {ended}"
        try:
            return self.http.get(path).status_code == 200
        except httpx.TransportError:
            return False

    def post(self, spec: Spec) -> str:
        """Submits the job and returns its id."""
        job_id: str = self.http.post("/v1/jobs", json=spec).raise_for_status().json()["id"]
        return job_id

    def job(self, job_id: str, *, wait: int = 0) -> dict[str, Any]:
        answer = self.http.get(f"/v1/jobs/{job_id}", params={"wait": wait} if wait else None)
        job: dict[str, Any] = answer.raise_for_status().json()
        return job

    def ended(self, job_id: str) -> dict[str, Any]:
        """The job, once it has ended."""
        for _ in range(3):  # a read waits for a minute at most
            job = self.job(job_id, wait=60)
            if job["finished_at"]:
                return job
        raise AssertionError(f"still {job['status']} after three minutes")

    def epochs(self, job_id: str) -> dict[str, list[Any]]:
        """The series of the job but for `seconds`, which no two runs share."""
        answer = self.http.get(f"/v1/jobs/{job_id}/epochs").raise_for_status().json()
        columns: dict[str, list[Any]] = answer["columns"]
        del columns["seconds"]
        return columns

    def seconds(self, job_id: str) -> list[float]:
        """How long each epoch took: different whenever it was trained again."""
        answer = self.http.get(f"/v1/jobs/{job_id}/epochs").raise_for_status().json()
        seconds: list[float] = answer["columns"]["seconds"]
        return seconds

    def weights(self, job_id: str) -> bytes:
        return self.http.get(f"/v1/jobs/{job_id}/weights").raise_for_status().content

    def layers(self, job_id: str) -> dict[str, list[Any]]:
        answer = self.http.get(f"/v1/jobs/{job_id}/layers").raise_for_status().json()
        columns: dict[str, list[Any]] = answer["columns"]
        return columns

    def wait_for_epoch(self, job_id: str, epoch: int) -> None:
        def reached() -> bool:
            summary = self.job(job_id)["summary"]
            return summary is not None and summary["epoch"] >= epoch

        wait_for(reached, what=f"{job_id} reaches epoch {epoch}")

    def close(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.terminate()
        for process in self._processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.http.close()


def is_alive(process: psutil.Process) -> bool:
    """Whether the process still runs: one that ended and was not waited for does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextmanager
def running_stack(
    home: Path, *, template: Path, broker_url: str, **changes: Any
) -> Iterator[Stack]:
    """API, dispatch and a worker on a copy of the database, with a queue named after the folder.
    `changes`: of the settings."""
    shutil.copyfile(template, home / "subgrad.sqlite3")
    settings = Settings(home=home, broker_url=broker_url, queue=home.name, republish_s=0.5)
    stack = Stack(settings.model_copy(update=changes))
    try:
        stack.start_all()
        yield stack
    finally:
        stack.close()
