"""Runs written, listed and read back: this service against MLflow's tracking server.

    make bench-references
    .venv-bench-mlflow/bin/python -m benchmarks.mlflow_server --runs 100

Both with SQLite, both as servers of one process on this machine, by turns in blocks of runs. A run
is 100 epochs of 10 quantities. MLflow is spoken to over its REST API, as its own client does; here
a run is posted over HTTP, claimed in cohorts, and recorded in SQL, as a worker does it (which goes
through the fence and writes a layer's row beside each epoch's). "At once" writes a run with one
call or transaction, MLflow's fastest way; "as it happens" an epoch at a time.
"""

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import httpx

from benchmarks.serving import free_port
from service.db import Database, claims, metrics
from service.db.migrate import upgrade
from service.domain.events import EpochEvent
from service.domain.metrics import EPOCH_COLUMNS, LAYER_COLUMNS, EpochMetrics, LayerMetrics
from service.domain.states import JobStatus, Outcome
from service.settings import Settings

_EPOCHS = 100
_QUANTITIES = [name for name in EPOCH_COLUMNS if name != "epoch"][:10]
_BLOCK = 50
_FEW = 50
"""Runs that are written as they happen, with a request for each epoch of each."""
_COHORT = 64
_PAGE = 200
_SPEC = {
    "dataset": {"name": "digits"},
    "network": {"hidden": [16]},
    "activation": {"name": "relu"},
    "loss": {"name": "cross_entropy"},
    "optimizer": {"learning_rate": 0.1},
    "epochs": _EPOCHS - 1,
}
_SLOW = "write, as it happens"
_WORK: dict[str, Callable[[Any, int], int]] = {
    "write, a run at once": lambda server, count: server.write_at_once(count),
    _SLOW: lambda server, count: server.write_as_it_happens(count),
    "list": lambda server, count: server.list_runs(),
    "read one run's history": lambda server, count: server.read_histories(count),
}


class Server(Protocol):
    """What is compared. Every method returns how many runs it dealt with."""

    def write_at_once(self, count: int) -> int: ...
    def write_as_it_happens(self, count: int) -> int: ...
    def list_runs(self) -> int: ...
    def read_histories(self, count: int) -> int: ...


class Mlflow:
    """MLflow's tracking server, by its REST API."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        made = self._post("experiments/create", name="benchmark")
        self._experiment: str = made["experiment_id"]
        self._runs: list[str] = []

    def _post(self, what: str, **body: Any) -> dict[str, Any]:
        answer = self._http.post(f"/api/2.0/mlflow/{what}", json=body).raise_for_status().json()
        assert isinstance(answer, dict)
        return answer

    def _start(self, count: int) -> list[str]:
        begun = [
            self._post("runs/create", experiment_id=self._experiment, start_time=_now_ms())
            for _ in range(count)
        ]
        runs = [one["run"]["info"]["run_id"] for one in begun]
        for run_id in runs:
            parameters = [{"key": name, "value": str(value)} for name, value in _SPEC.items()]
            self._post("runs/log-batch", run_id=run_id, params=parameters)
        self._runs += runs
        return runs

    def _log(self, run_id: str, epochs: Sequence[int]) -> None:
        points = [
            {"key": name, "value": value, "timestamp": _now_ms(), "step": epoch}
            for epoch in epochs
            for name, value in _measured(epoch).items()
        ]
        self._post("runs/log-batch", run_id=run_id, metrics=points)

    def _finish(self, runs: Sequence[str]) -> int:
        for run_id in runs:
            self._post("runs/update", run_id=run_id, status="FINISHED", end_time=_now_ms())
        return len(runs)

    def write_at_once(self, count: int) -> int:
        runs = self._start(count)
        for run_id in runs:
            self._log(run_id, range(_EPOCHS))
        return self._finish(runs)

    def write_as_it_happens(self, count: int) -> int:
        runs = self._start(count)
        for epoch in range(_EPOCHS):
            for run_id in runs:
                self._log(run_id, [epoch])
        return self._finish(runs)

    def list_runs(self) -> int:
        query = {"experiment_ids": [self._experiment], "max_results": _PAGE}
        page = self._post("runs/search", **query)
        count = len(page["runs"])
        while token := page.get("next_page_token"):
            page = self._post("runs/search", **query, page_token=token)
            count += len(page.get("runs", []))
        assert count == len(self._runs)
        return count

    def read_histories(self, count: int) -> int:
        for run_id in self._runs[-count:]:
            for name in _QUANTITIES:
                query = {"run_id": run_id, "metric_key": name}
                answer = self._http.get("/api/2.0/mlflow/metrics/get-history", params=query)
                assert len(answer.raise_for_status().json()["metrics"]) == _EPOCHS
        return count


class Subgrad:
    """This service by HTTP, and its record as a worker writes it."""

    def __init__(self, http: httpx.Client, database: Database) -> None:
        self._http = http
        self._database = database
        self._jobs: list[str] = []

    def _start(self, count: int) -> dict[str, int]:
        for _ in range(count):
            answer = self._http.post("/v1/jobs", json=_SPEC).raise_for_status()
            self._jobs.append(answer.json()["id"])
        held: dict[str, int] = {}
        while len(held) < count:
            with self._database.writing() as session:
                found = claims.claim_next(session, worker_id="w", limit=_COHORT, lease_s=3600)
            held |= {one.job_id: one.attempt for one in found}
        return held

    def _record(self, held: dict[str, int], events: Sequence[EpochEvent]) -> None:
        with self._database.writing() as session:
            assert metrics.record_epochs(session, held, events) == held.keys()

    def _finish(self, held: dict[str, int]) -> int:
        with self._database.writing() as session:
            claims.finish(session, held, status=JobStatus.SUCCEEDED, outcome=Outcome.COMPLETED)
        return len(held)

    def write_at_once(self, count: int) -> int:
        held = self._start(count)
        for job_id, attempt in held.items():
            self._record({job_id: attempt}, [_event(job_id, epoch) for epoch in range(_EPOCHS)])
        return self._finish(held)

    def write_as_it_happens(self, count: int) -> int:
        held = self._start(count)
        for epoch in range(_EPOCHS):
            self._record(held, [_event(job_id, epoch) for job_id in held])
        return self._finish(held)

    def list_runs(self) -> int:
        count = 0
        query: dict[str, Any] = {"limit": _PAGE}
        while True:
            page = self._http.get("/v1/jobs", params=query).raise_for_status().json()
            count += len(page["data"])
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
        assert count == len(self._jobs)
        return count

    def read_histories(self, count: int) -> int:
        for job_id in self._jobs[-count:]:
            query = {"columns": ",".join(["epoch", *_QUANTITIES])}
            answer = self._http.get(f"/v1/jobs/{job_id}/epochs", params=query)
            assert len(answer.raise_for_status().json()["columns"]["epoch"]) == _EPOCHS
        return count


def _measured(epoch: int) -> dict[str, float]:
    return {name: (epoch + 1) / (place + 3) for place, name in enumerate(_QUANTITIES)}


def _event(job_id: str, epoch: int) -> EpochEvent:
    values = dict.fromkeys(EPOCH_COLUMNS) | {"epoch": epoch} | _measured(epoch)
    layer = dict.fromkeys(LAYER_COLUMNS) | {"epoch": epoch, "layer": 0, "units": 16}
    return EpochEvent(
        member=job_id,
        step=epoch,
        metrics=EpochMetrics.model_validate(values),
        layers=[LayerMetrics.model_validate(layer)],
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@contextmanager
def _process(
    command: Sequence[str], port: int, environment: dict[str, str]
) -> Iterator[httpx.Client]:
    """A server, once it answers."""
    log = subprocess.DEVNULL
    with subprocess.Popen(command, env=environment, stdout=log, stderr=log) as server:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=300) as http:
                deadline = time.monotonic() + 300
                while not _answers(http):
                    assert server.poll() is None, f"{command} ended with {server.returncode}"
                    assert time.monotonic() < deadline, f"{command} does not answer"
                    time.sleep(0.2)
                yield http
        finally:
            server.terminate()


def _answers(http: httpx.Client) -> bool:
    try:
        # MLflow's liveness has this name, ours another.
        return any(http.get(path).status_code == 200 for path in ("/healthz", "/health"))
    except httpx.TransportError:
        return False


@contextmanager
def _mlflow(folder: Path) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    environment = {**os.environ, "DO_NOT_TRACK": "true"}
    with _process(command, port, environment) as http:
        yield Mlflow(http)


@contextmanager
def _subgrad(folder: Path) -> Iterator[Server]:
    settings = Settings(home=folder, port=free_port(), max_queued_jobs=10**6)
    database = Database(settings.resolved_database_url)
    upgrade(database)
    command = [sys.executable, "-m", "service.api"]
    with _process(command, settings.port, settings.as_environment()) as http:
        yield Subgrad(http, database)
    database.dispose()


def _journal_mode(file: Path) -> str:
    """As the server has left it. How long a commit waits for the disk is a matter of each
    connection and cannot be asked from outside: MLflow sets nothing, so it is SQLite's FULL."""
    with closing(sqlite3.connect(file)) as connection:
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    return str(mode)


def _speeds(servers: dict[str, Server], runs: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Runs per second of each kind of work, by server, in blocks that alternate."""
    for work, do in _WORK.items():
        enough = min(runs, _FEW) if work == _SLOW else runs
        spent = dict.fromkeys(servers, 0.0)
        done = dict.fromkeys(servers, 0)
        while min(done.values()) < enough:
            for name, server in servers.items():
                started = time.perf_counter()
                done[name] += do(server, min(_BLOCK, enough))
                spent[name] += time.perf_counter() - started
        yield work, {name: done[name] / spent[name] for name in servers}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=1000)
    runs = parser.parse_args().runs
    print(
        f"{runs:,} runs ({_FEW} as they happen) of {_EPOCHS} epochs and {len(_QUANTITIES)} "
        f"quantities, runs per second (load average {os.getloadavg()[0]:.1f})\n"
    )
    print("| work | MLflow | Subgrad | ratio |\n|---|---|---|---|")
    with (
        tempfile.TemporaryDirectory(prefix="subgrad-bench-") as folder,
        _mlflow(Path(folder)) as theirs,
        _subgrad(Path(folder)) as ours,
    ):
        for work, speeds in _speeds({"theirs": theirs, "ours": ours}, runs):
            ratio = speeds["ours"] / speeds["theirs"]
            row = f"{speeds['theirs']:,.1f} | {speeds['ours']:,.1f} | {ratio:.1f}× |"
            print(f"| {work} | {row}", flush=True)
        modes = [_journal_mode(Path(folder) / name) for name in ("mlflow.db", "subgrad.sqlite3")]
    print("\nSQLite's journal mode: MLflow {}, Subgrad {}".format(*modes))


if __name__ == "__main__":
    main()
