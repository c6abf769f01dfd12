"""Single jobs posted one by one by many clients: how fast they are accepted, and that all finish.

    python -m benchmarks.load [--jobs 1000] [--clients 16] [--processes 1,2] [--turns 1]

PostgreSQL and Redis of its own, dispatch and one worker; the API in as many processes as given, by
turns. The clients are a process of their own, see `benchmarks.clients`. A turn has two runs: with
the worker away while the jobs are posted, and with it at work from the start. What else runs on the
machine changes the jobs a second much more than the processor time of each job, which is reported
beside them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from rich import box
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from benchmarks.processor import postgres_processes, processor_s
from service.db import Database
from service.db.migrate import upgrade
from service.settings import Settings
from tests.servers import Postgres, Redis, find_postgres, find_redis, free_port

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
    median_ms: float
    slowest_ms: float
    cpu_ms: dict[str, float]
    """Processor time for each job, from the first POST to the last answer."""
    finished_s: float
    """From the first POST until all jobs had ended."""
    statuses: dict[str, int]
    cohorts: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--processes", type=_counts, default=[1, 2], help="of the API: 1,2")
    parser.add_argument("--turns", type=int, default=1)
    given = parser.parse_args()
    runs = [
        (f"{processes}, worker {'at work' if at_work else 'away'}", load)
        for turn in range(given.turns)
        for at_work in (False, True)
        for processes in given.processes
        for load in [_run(given.jobs, given.clients, processes, at_work=at_work)]
    ]
    title = f"{given.jobs} single jobs from {given.clients} clients, PostgreSQL, Redis"
    headings = ["API processes", "accepted/s", "median (ms)", "slowest (ms)"]
    headings += ["API CPU (ms/job)", "PostgreSQL", "dispatch", "clients"]
    headings += ["all ended (s)", "ends", "cohorts"]
    table = Table(title=f"{title}; load {os.getloadavg()[0]:.1f}", box=box.MARKDOWN)
    for heading in headings:
        table.add_column(
            heading, justify="left" if heading in ("API processes", "ends") else "right"
        )
    for name, load in runs:
        ends = ", ".join(f"{count} {status}" for status, count in load.statuses.items())
        cells = [f"{load.accepted_per_s:.0f}", f"{load.median_ms:.0f}", f"{load.slowest_ms:.0f}"]
        cells += [f"{cpu:.2f}" for cpu in load.cpu_ms.values()]
        table.add_row(name, *cells, f"{load.finished_s:.1f}", ends, str(load.cohorts))
    Console(width=140).print(table)


def _counts(given: str) -> list[int]:
    return [int(one) for one in given.split(",")]


def _run(jobs: int, clients: int, processes: int, *, at_work: bool) -> Load:
    with _service(processes) as (settings, start):
        parent = psutil.Process(start("service.api"))
        dispatch = [psutil.Process(start("service.dispatch"))]
        url = f"http://127.0.0.1:{settings.port}"
        _wait(url, "/healthz")
        if at_work:
            start("workers")
            _wait(url, "/readyz")
        api = [parent, *_serving(parent, processes)]
        began = time.perf_counter()
        before = processor_s(api), processor_s(postgres_processes()), processor_s(dispatch)
        told = _post_all(settings.port, jobs, clients)
        after = processor_s(api), processor_s(postgres_processes()), processor_s(dispatch)
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
        accepted_per_s=jobs / told["seconds"],
        median_ms=1000 * told["median_s"],
        slowest_ms=1000 * told["slowest_s"],
        cpu_ms={
            "API": 1000 * (after[0] - before[0]) / jobs,
            "PostgreSQL": 1000 * (after[1] - before[1]) / jobs,
            "dispatch": 1000 * (after[2] - before[2]) / jobs,
            "clients": 1000 * told["cpu_s"] / jobs,
        },
        finished_s=ended - (began if at_work else posted),
        statuses=statuses,
        cohorts=cohorts,
    )


def _post_all(port: int, jobs: int, clients: int) -> dict[str, float]:
    asked = {"port": port, "spec": _SPEC, "jobs": jobs, "clients": clients}
    command = [sys.executable, "-m", "benchmarks.clients"]
    done = subprocess.run(
        command, input=json.dumps(asked), text=True, stdout=subprocess.PIPE, check=True
    )
    told: dict[str, float] = json.loads(done.stdout)
    return told


def _serving(parent: psutil.Process, processes: int) -> list[psutil.Process]:
    """The processes that serve, where they are not the one process itself; all of them do."""
    found: list[psutil.Process] = []
    while processes > 1 and len(found) < processes:
        time.sleep(0.05)
        found = [
            one
            for one in parent.children()
            if any(c.status == "LISTEN" for c in one.net_connections())
        ]
    return found


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
def _service(api_processes: int) -> Iterator[tuple[Settings, Any]]:
    """Settings of a fresh service, and what starts its processes; they end with the block."""
    programs, program = find_postgres(), find_redis()
    if programs is None or program is None:
        raise SystemExit("No PostgreSQL or no Redis here: `make install` brings both.")
    with (
        Postgres.running(programs) as postgres,
        Redis.running(program) as redis,
        tempfile.TemporaryDirectory(prefix="subgrad-bench-") as home,
    ):
        settings = Settings(
            home=Path(home),
            port=free_port(),
            database_url=postgres.url,
            broker_url=redis.url,
            api_processes=api_processes,
        )
        database = Database(settings.resolved_database_url)
        upgrade(database)
        database.dispose()
        processes: list[subprocess.Popen[bytes]] = []

        def start(module: str) -> int:
            with Path(os.devnull).open("wb") as nowhere:
                command = [sys.executable, "-m", module]
                environment = settings.as_environment()
                processes.append(
                    subprocess.Popen(command, env=environment, stdout=nowhere, stderr=nowhere)
                )
            return processes[-1].pid

        try:
            yield settings, start
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(20)


if __name__ == "__main__":
    main()
