"""Single jobs posted one by one by many clients: how fast they are accepted, and that all finish.

    python -m benchmarks.load [--jobs 1000] [--clients 16]

PostgreSQL and Redis of its own; API, dispatch and one worker as processes. The clients are threads
of a process of their own, each with one connection. Twice: with the worker away while the jobs are
posted, and with the worker at work from the start.
"""

import argparse
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from benchmarks.first_epoch import free_port
from service.db import Database
from service.db.migrate import upgrade
from service.settings import Settings
from tests.servers import (
    Postgres,
    Redis,
    system_postgres,
    system_redis,
    wheel_postgres,
    wheel_redis,
)

_SPEC: dict[str, Any] = {
    "dataset": {"name": "digits"},
    "network": {"kind": "mlp", "hidden": [32, 32]},
    "activation": {"name": "relu"},
    "loss": {"name": "cross_entropy"},
    "optimizer": {"learning_rate": 0.1},
    "epochs": 5,
}


@dataclass(frozen=True, kw_only=True)
class Load:
    """One run."""

    accepted_per_s: float
    slowest_ms: float
    finished_s: float
    """From the first POST until all jobs had ended."""
    statuses: dict[str, int]
    cohorts: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=16)
    given = parser.parse_args()
    runs = {
        f"worker {'at work' if at_work else 'away'} while posting": _run(
            given.jobs, given.clients, at_work=at_work
        )
        for at_work in (False, True)
    }
    table = Table(title=f"{given.jobs} single jobs from {given.clients} clients, PostgreSQL, Redis")
    for heading in ("run", "accepted/s", "slowest POST (ms)", "all ended (s)", "ends", "cohorts"):
        table.add_column(heading, justify="left" if heading in ("run", "ends") else "right")
    for name, load in runs.items():
        ends = ", ".join(f"{count} {status}" for status, count in load.statuses.items())
        cells = (f"{load.accepted_per_s:.0f}", f"{load.slowest_ms:.0f}", f"{load.finished_s:.1f}")
        table.add_row(name, *cells, ends, str(load.cohorts))
    Console(width=110).print(table)


def _run(jobs: int, clients: int, *, at_work: bool) -> Load:
    with _service() as (settings, start):
        start("service.api")
        start("service.dispatch")
        url = f"http://127.0.0.1:{settings.port}"
        _wait(url, "/healthz")
        if at_work:
            start("workers")
            _wait(url, "/readyz")
        began = time.perf_counter()
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            took_s, slowest_s = pool.apply(post_all, (url, jobs, clients))
        posted = time.perf_counter()
        if not at_work:
            start("workers")
        database = Database(settings.resolved_database_url)
        while _count(database, "SELECT count(*) FROM jobs WHERE finished_at IS NULL"):
            time.sleep(0.05)
        ended = time.perf_counter()
        with database.reading() as session:
            found = session.execute(text("SELECT status, count(*) FROM jobs GROUP BY status"))
            statuses = {str(row[0]): int(row[1]) for row in found}
        # The moves of a cohort were written by one transaction.
        moves = "SELECT count(DISTINCT xmin::text) FROM job_statuses WHERE status = 'running'"
        cohorts = _count(database, moves)
        database.dispose()
    return Load(
        accepted_per_s=jobs / took_s,
        slowest_ms=1000 * slowest_s,
        finished_s=ended - (began if at_work else posted),
        statuses=statuses,
        cohorts=cohorts,
    )


def post_all(url: str, jobs: int, clients: int) -> tuple[float, float]:
    """Posts the jobs, each client one after another. Seconds for all, and for the slowest."""
    together = threading.Barrier(clients + 1)

    def post(client: int) -> float:
        slowest = 0.0
        with httpx.Client(base_url=url, timeout=60) as http:
            http.get("/healthz")
            together.wait()
            for seed in range(client, jobs, clients):
                start = time.perf_counter()
                http.post("/v1/jobs", json=_SPEC | {"seed": seed}).raise_for_status()
                slowest = max(slowest, time.perf_counter() - start)
        return slowest

    with ThreadPoolExecutor(clients) as pool:
        work = [pool.submit(post, client) for client in range(clients)]
        together.wait()
        start = time.perf_counter()
        slowest = max(one.result() for one in work)
        return time.perf_counter() - start, slowest


def _count(database: Database, query: str) -> int:
    with database.reading() as session:
        return int(session.scalar(text(query)) or 0)


def _wait(url: str, path: str) -> None:
    while True:
        try:
            if httpx.get(url + path).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)


@contextmanager
def _service() -> Iterator[tuple[Settings, Any]]:
    """Settings of a fresh service, and what starts its processes; they end with the block."""
    programs, program = system_postgres() or wheel_postgres(), system_redis() or wheel_redis()
    if programs is None or program is None:
        raise SystemExit("No PostgreSQL or no Redis here: `make install` brings both.")
    with (
        Postgres.running(programs) as postgres,
        Redis.running(program) as redis,
        tempfile.TemporaryDirectory(prefix="subgrad-bench-") as home,
    ):
        settings = Settings(
            home=Path(home), port=free_port(), database_url=postgres.url, broker_url=redis.url
        )
        database = Database(settings.resolved_database_url)
        upgrade(database)
        database.dispose()
        processes: list[subprocess.Popen[bytes]] = []

        def start(module: str) -> None:
            with Path(os.devnull).open("wb") as nowhere:
                command = [sys.executable, "-m", module]
                environment = settings.as_environment()
                processes.append(subprocess.Popen(command, env=environment, stderr=nowhere))

        try:
            yield settings, start
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(20)


if __name__ == "__main__":
    main()
