"""Open event streams with hints through Redis and without: what they cost, how soon they tell.

    python -m benchmarks.streams [--streams 100] [--seconds 10] [--rounds 3]

PostgreSQL and Redis of its own, and one API process, on which so many jobs are followed. First
nothing happens for a while; then 20 epochs a second are written, each of a job drawn at random. An
event's latency is from the end of its transaction to its arrival at the client. The two ways by
turns; without hints means a broker that is no Redis. Looks are transactions that PostgreSQL counts.
"""

import argparse
import os
import random
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import psycopg
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.databases import migrated
from benchmarks.processor import postgres_processes, processor_s
from service.db import Database
from service.hints import Hints
from service.settings import Settings
from tests.integration.db.record import epoch, queue, record, take
from tests.servers import Postgres, Redis, find_postgres, find_redis, free_port

_EVERY_S = 0.05
_NO_REDIS = "amqp://127.0.0.1:1//"


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of a while, for each second of it."""

    looks: float
    api: float
    postgres: float


@dataclass(frozen=True, kw_only=True)
class Run:
    idle: Cost
    busy: Cost
    latencies_s: list[float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    programs, program = find_postgres(), find_redis()
    if programs is None or program is None:
        raise SystemExit("No PostgreSQL or no Redis here: `make install` brings both.")
    table = Table(title=f"{given.streams} streams; load {os.getloadavg()[0]:.1f}", box=box.MARKDOWN)
    for heading in ("hints", "idle: looks/s", "API CPU", "PostgreSQL CPU"):
        table.add_column(heading, justify="right")
    for heading in ("busy: looks/s", "API CPU", "PostgreSQL CPU", "median (ms)", "p99 (ms)"):
        table.add_column(heading, justify="right")
    for _ in range(given.rounds):
        for name in ("without", "with"):
            with Postgres.running(programs) as postgres, Redis.running(program) as redis:
                broker = redis.url if name == "with" else _NO_REDIS
                run = _run(postgres, broker, given.streams, given.seconds)
            table.add_row(name, *_cost(run.idle), *_cost(run.busy), *_latency(run.latencies_s))
    Console(width=140).print(table)


def _cost(cost: Cost) -> list[str]:
    return [f"{cost.looks:.0f}", f"{cost.api:.0%}", f"{cost.postgres:.0%}"]


def _latency(seconds: list[float]) -> list[str]:
    p99 = statistics.quantiles(seconds, n=100)[98]
    return [f"{1000 * statistics.median(seconds):.1f}", f"{1000 * p99:.1f}"]


def _run(postgres: Postgres, broker_url: str, streams: int, seconds: float) -> Run:
    database = migrated(postgres.url)
    held: dict[str, int] = {}
    for _ in range(streams):
        held |= take(database, queue(database), lease_s=86_400)
    with (
        tempfile.TemporaryDirectory(prefix="subgrad-bench-") as home,
        _api(Path(home), postgres.url, broker_url) as (settings, api),
    ):
        hints = Hints(settings)
        database.on_changed = hints.tell
        with _following(settings.port, list(held)) as arrivals:
            if broker_url != _NO_REDIS:
                _wait_for_hints(settings.port)
            idle = _measure(postgres, api, lambda: time.sleep(seconds))
            written: dict[tuple[str, int], float] = {}
            busy = _measure(postgres, api, lambda: _write(database, held, seconds, written))
            while len(arrivals) < len(written):
                time.sleep(0.01)
        hints.close()
    database.dispose()
    latencies = [arrivals[event] - at for event, at in written.items()]
    return Run(idle=idle, busy=busy, latencies_s=latencies)


def _write(
    database: Database,
    held: dict[str, int],
    seconds: float,
    written: dict[tuple[str, int], float],
) -> None:
    """20 epochs a second, whatever each takes; notes when each was committed."""
    chance, following = random.Random(0), dict.fromkeys(held, 0)
    began = time.monotonic()
    for number in range(round(seconds / _EVERY_S)):
        job_id = chance.choice(list(held))
        event = (job_id, following[job_id])
        record(database, held, epoch(*event))
        written[event] = time.monotonic()
        following[job_id] += 1
        time.sleep(max(0.0, began + (number + 1) * _EVERY_S - time.monotonic()))


def _measure(postgres: Postgres, api: psutil.Process, act: Callable[[], None]) -> Cost:
    before, began = _counts(postgres, api), time.monotonic()
    act()
    took, after = time.monotonic() - began, _counts(postgres, api)
    looks, of_api, of_postgres = (b - a for a, b in zip(before, after, strict=True))
    return Cost(looks=looks / took, api=of_api / took, postgres=of_postgres / took)


def _counts(postgres: Postgres, api: psutil.Process) -> tuple[float, float, float]:
    """Transactions, and processor seconds of the API and of PostgreSQL, so far."""
    query = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'postgres'"
    with psycopg.connect(postgres.url) as connection:
        row = connection.execute(query).fetchone()
    used = processor_s([api]), processor_s(postgres_processes())
    return float(row[0]) if row else 0.0, *used


@contextmanager
def _api(
    home: Path, database_url: str, broker_url: str
) -> Iterator[tuple[Settings, psutil.Process]]:
    settings = Settings(
        home=home, port=free_port(), database_url=database_url, broker_url=broker_url
    )
    with Path(os.devnull).open("wb") as nowhere:
        process = subprocess.Popen(
            [sys.executable, "-m", "service.api"],
            env=settings.as_environment(),
            stdout=nowhere,
            stderr=nowhere,
        )
    try:
        while not _answers(f"http://127.0.0.1:{settings.port}/healthz"):
            time.sleep(0.05)
        yield settings, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(20)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


def _wait_for_hints(port: int) -> None:
    url = f"http://127.0.0.1:{port}/metrics"
    while "subgrad_hints_up 1.0" not in httpx.get(url).text:
        time.sleep(0.1)


@contextmanager
def _following(port: int, jobs: list[str]) -> Iterator[dict[tuple[str, int], float]]:
    """When each epoch of each job has arrived, over a stream for each."""
    arrivals: dict[tuple[str, int], float] = {}
    ready, stop = threading.Event(), threading.Event()

    def listen() -> None:
        with selectors.DefaultSelector() as selector:
            for job_id in jobs:
                connection = socket.create_connection(("127.0.0.1", port))
                request = f"GET /v1/jobs/{job_id}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
                connection.sendall(request.encode())
                selector.register(connection, selectors.EVENT_READ, job_id)
            began, left = set(), dict.fromkeys(jobs, b"")
            while not stop.is_set():
                for key, _ in selector.select(0.1):
                    data, now = left[key.data] + _read(key.fileobj), time.monotonic()
                    began.add(key.data)
                    *lines, left[key.data] = data.split(b"\n")
                    for line in map(bytes.strip, lines):
                        if line.startswith(b"id: 2-") and line[6:].isdigit():
                            arrivals[key.data, int(line[6:])] = now
                if len(began) == len(jobs):
                    ready.set()
            for key in list(selector.get_map().values()):
                _close(key.fileobj)

    thread = threading.Thread(target=listen)
    thread.start()
    ready.wait()
    try:
        yield arrivals
    finally:
        stop.set()
        thread.join()


def _read(connection: object) -> bytes:
    assert isinstance(connection, socket.socket)
    return connection.recv(65_536)


def _close(connection: object) -> None:
    assert isinstance(connection, socket.socket)
    connection.close()


if __name__ == "__main__":
    main()
