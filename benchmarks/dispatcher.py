"""The dispatcher with far more jobs and slots than this machine could train: who is served, in what
order, and what it costs the database.

`python -m benchmarks.dispatcher [--jobs 10000,100000] [--slots 10000] [--claims 200]`

A real PostgreSQL and the service's own statements; only the training is left out. Slots live in
virtual time: each claims a cohort when its last one has ended, which takes it 1 to 100 virtual
seconds. The jobs are 50 owners', very unequally (owner k has twice as many as owner 2k), in three
priorities and 200 cohort keys. All claims follow one another, as the lock makes them do.
"""

import argparse
import heapq
import os
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from benchmarks.databases import databases
from service.db import Database, claims, gauges, jobs, outbox
from service.domain.spec import JobSpec

_OWNERS = 50
_COHORT = 64
_LEASE_S = 3600.0
_SPEC = {
    "dataset": {"name": "digits"},
    "activation": {"name": "relu"},
    "loss": {"name": "cross_entropy"},
    "optimizer": {"learning_rate": 0.1},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--jobs", default="10000,100000")
    parser.add_argument("--slots", type=int, default=10_000)
    parser.add_argument("--claims", type=int, default=200)
    arguments = parser.parse_args()
    for count in map(int, arguments.jobs.split(",")):
        for name, database in databases():
            if name == "PostgreSQL":
                _simulate(database, count, arguments.slots, arguments.claims)


def _simulate(database: Database, count: int, slots: int, most_claims: int) -> None:
    filled_s = _fill(database, count)
    print(f"{count:,} waiting jobs, {slots:,} slots (filled in {filled_s:.0f} s, load {_load()})")
    before = _rows_read(database)
    took, served = _run(database, slots, most_claims)
    read = (_rows_read(database) - before) / len(took)
    order = [precedence for precedence, _ in served]
    first = [owner for precedence, owner in served if precedence == order[0]]
    by_owner = Counter(first)
    print(
        f"  {len(took)} claims of {len(served) / len(took):.0f} jobs: median "
        f"{statistics.median(took):.1f} ms, largest {max(took):.0f}; {read:,.0f} rows or index "
        f"entries read by each; {1000 / statistics.mean(took):.0f} claims/s at most"
    )
    print(
        f"  order: priorities {'never' if order == sorted(order) else 'AT TIMES'} passed over; "
        f"of the first, {len(by_owner)} owners got {min(by_owner.values())} to "
        f"{max(by_owner.values())} jobs each"
    )
    for what, ask in _QUESTIONS.items():
        print(f"  {what}: {_median_ms(database, ask):.1f} ms")


def _run(database: Database, slots: int, most: int) -> tuple[list[float], list[tuple[int, str]]]:
    """Milliseconds of each claim; precedence and owner of each job in the order of the claims."""
    rng = random.Random(1)
    free = [(rng.random(), slot) for slot in range(slots)]
    heapq.heapify(free)
    held: dict[int, dict[str, int]] = {}
    took: list[float] = []
    served: list[tuple[int, str]] = []
    while len(took) < most:
        now, slot = heapq.heappop(free)
        if slot in held:
            with database.writing() as session:
                claims.finish(session, held.pop(slot), status="succeeded")  # type: ignore[arg-type]
        started = time.perf_counter()
        with database.writing() as session:
            claimed = claims.claim_next(session, worker_id="wrk_1", limit=_COHORT, lease_s=_LEASE_S)
        took.append((time.perf_counter() - started) * 1000)
        if not claimed:
            break
        held[slot] = {one.job_id: one.attempt for one in claimed}
        served += _whose(database, [one.job_id for one in claimed])
        heapq.heappush(free, (now + rng.uniform(1, 100), slot))
    return took, served


def _whose(database: Database, job_ids: list[str]) -> list[tuple[int, str]]:
    query = text("SELECT precedence, owner FROM jobs WHERE id = ANY(:ids) ORDER BY id")
    with database.reading() as session:
        return [(row[0], row[1]) for row in session.execute(query, {"ids": job_ids})]


_QUESTIONS: dict[str, Callable[[Any], object]] = {
    "what is due (relay, 20 times a second)": lambda session: outbox.due(session, limit=200),
    "whose lease ran out (reaper, every 5 s)": lambda session: claims.give_up_on_silent_workers(
        session, max_attempts=3
    ),
    "the leases of a cohort (each slot, every 10 s)": lambda session: claims.renew(
        session, _some_held(session), lease_s=_LEASE_S
    ),
    "the load (each scrape)": gauges.read_load,
    "the jobs that ended (at most 1% of the time)": gauges.count_ended,
}


def _some_held(session: Any) -> dict[str, int]:
    query = text("SELECT id, attempt FROM jobs WHERE status = 'running' LIMIT 64")
    return {row[0]: row[1] for row in session.execute(query)}


def _median_ms(database: Database, ask: Callable[[Any], object]) -> float:
    times = []
    for _ in range(5):
        started = time.perf_counter()
        with database.writing() as session:
            ask(session)
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def _fill(database: Database, count: int) -> float:
    started = time.perf_counter()
    with database.writing() as session:
        pattern = jobs.submit(session, JobSpec.model_validate(_SPEC), []).id
    copied = "name, spec, warnings, activation, epochs, attempt, losses, status_seq, device"
    with database.writing() as session:
        session.execute(
            text(
                "INSERT INTO jobs (id, owner, precedence, cohort_key, status, created_at, "  # noqa: S608
                f"{copied}) SELECT 'job_' || lpad(to_hex(n), 32, '0'), "
                # Owner k has about twice as many as owner 2k.
                "'owner' || floor(exp(random() * ln(:owners))), -(n % 3), 'key' || n % 200, "
                f"'queued', clock_timestamp(), {copied} "
                "FROM jobs, generate_series(1, :jobs) n WHERE id = :pattern"
            ),
            {"jobs": count, "pattern": pattern, "owners": _OWNERS},
        )
        session.execute(text("DELETE FROM jobs WHERE id = :pattern"), {"pattern": pattern})
        session.execute(
            text(
                "INSERT INTO outbox (job_id, announced, due_at, queued_at) "
                "SELECT id, 1, clock_timestamp() + interval '1 hour', created_at FROM jobs"
            )
        )
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
    return time.perf_counter() - started


def _rows_read(database: Database) -> int:
    """Rows and index entries that were read since the server started, as it counts them."""
    with database.reading() as session:
        session.execute(text("SELECT pg_stat_force_next_flush()"))
    with database.reading() as session:
        found = session.execute(
            text("SELECT sum(idx_tup_read) FROM pg_stat_user_indexes")
        ).scalar_one()
    return int(found)


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    main()
