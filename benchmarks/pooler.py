"""PgBouncer in transaction mode before PostgreSQL: what a transaction costs, how many connections
there are.

    python -m benchmarks.pooler [--transactions 2000] [--apis 4] [--seconds 10]

Needs the system's package pgbouncer. Transactions by turns, directly and through a pool of 8: a
look of a stream, and a claim's lock with one row written. Then so many API processes and a dispatch
with 64 clients that read and post; the most connections to PostgreSQL that were seen.
"""

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.databases import migrated
from service.db import Database, jobs, turns
from service.settings import Settings
from tests.integration.db.record import queue
from tests.servers import (
    PgBouncer,
    Postgres,
    Redis,
    find_postgres,
    find_redis,
    free_port,
    system_pgbouncer,
)
from tests.stack import Stack, digits_spec

_POOL = 8
_CLIENTS = 64
_AT_A_TIME = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--transactions", type=int, default=2000)
    parser.add_argument("--apis", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    programs, program = find_postgres(), find_redis()
    pooler = system_pgbouncer()
    if programs is None or program is None or pooler is None:
        raise SystemExit("Needs PostgreSQL, Redis and the system's package pgbouncer.")
    table = Table(title=f"load {os.getloadavg()[0]:.1f}", box=box.MARKDOWN)
    for heading in ("way", "look (ms)", "write (ms)", "connections", "requests"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    with (
        Postgres.running(programs) as postgres,
        Redis.running(program) as redis,
        PgBouncer.before(postgres.url, program=pooler, pool_size=_POOL) as bouncer,
    ):
        migrated(postgres.url).dispose()
        ways = {"direct": postgres.url, f"pool of {_POOL}": bouncer.url_of(postgres.url)}
        costs = _costs(ways, given.transactions)
        for way, url in ways.items():
            seen, asked = _serve(url, postgres.url, redis.url, given.apis, given.seconds)
            cells = [f"{1000 * cost:.2f}" for cost in costs[way]]
            table.add_row(way, *cells, str(seen), str(asked))
    Console(width=100).print(table)


def _costs(ways: dict[str, str], transactions: int) -> dict[str, tuple[float, float]]:
    """Median seconds of a look and of a write, by turns of a hundred."""
    databases = {way: Database(url) for way, url in ways.items()}
    job_id = queue(next(iter(databases.values())))
    looks: dict[str, list[float]] = {way: [] for way in ways}
    writes: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(transactions // _AT_A_TIME):
        for way, database in databases.items():
            looks[way] += _times(lambda database=database: _look(database, job_id))  # type: ignore[misc]
            writes[way] += _times(lambda database=database: _write(database))  # type: ignore[misc]
    for database in databases.values():
        database.dispose()
    median = statistics.median
    return {way: (median(looks[way]), median(writes[way])) for way in ways}


def _times(act: Callable[[], None]) -> list[float]:
    took = []
    for _ in range(_AT_A_TIME):
        began = time.perf_counter()
        act()
        took.append(time.perf_counter() - began)
    return took


def _look(database: Database, job_id: str) -> None:
    with database.reading() as session:
        jobs.glance(session, job_id)


def _write(database: Database) -> None:
    with database.writing() as session:
        turns.take_turn(session)
        turns.note_served(session, ["somebody"])


def _serve(
    url: str, postgres_url: str, broker_url: str, apis: int, seconds: float
) -> tuple[int, int]:
    """The most connections to PostgreSQL, and the requests that were answered meanwhile."""
    with (
        tempfile.TemporaryDirectory(prefix="subgrad-bench-") as home,
        Path(os.devnull).open("wb") as nowhere,
    ):
        settings = Settings(home=Path(home), database_url=url, broker_url=broker_url)
        stack = Stack(settings, log=nowhere)
        try:
            stack.start("service.api")
            stack.start("service.dispatch")
            stack.wait_until_listening()
            ports = [stack.settings.port] + [free_port() for _ in range(apis - 1)]
            for port in ports[1:]:
                changed = stack.settings.model_copy(update={"port": port})
                stack.start("service.api", settings=changed)
            asked, stop = [0] * _CLIENTS, threading.Event()
            clients = [
                threading.Thread(target=_ask, args=(ports[i % apis], asked, i, stop))
                for i in range(_CLIENTS)
            ]
            for client in clients:
                client.start()
            seen = _most_connections(postgres_url, seconds)
            stop.set()
            for client in clients:
                client.join()
        finally:
            stack.close()
    return seen, sum(asked)


def _ask(port: int, asked: list[int], mine: int, stop: threading.Event) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
        while not stop.is_set():
            try:
                http.get("/v1/jobs", params={"limit": 5}).raise_for_status()
                http.post("/v1/jobs", json=digits_spec(seed=asked[mine])).raise_for_status()
                asked[mine] += 2
            except httpx.ConnectError:  # it has not started yet
                time.sleep(0.1)


def _most_connections(postgres_url: str, seconds: float) -> int:
    query = """
        SELECT count(*) FROM pg_stat_activity
        WHERE usename = %s AND pid <> pg_backend_pid() AND backend_type = 'client backend'
    """
    most, ends_at = 0, time.monotonic() + seconds
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        while time.monotonic() < ends_at:
            row = connection.execute(query, [urlsplit(postgres_url).username]).fetchone()
            most = max(most, row[0] if row else 0)
            time.sleep(0.05)
    return most


if __name__ == "__main__":
    main()
