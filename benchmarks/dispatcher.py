"""The dispatcher with far more jobs and slots than this machine could train: who is served, in what
order, and what it costs the database.

`python -m benchmarks.dispatcher [--jobs 10000,100000] [--slots 10000] [--claims 200]`

A real PostgreSQL and the service's own statements; only the training is left out. Every slot holds
a cohort of 64 when it begins. Slots live in virtual time: each ends its cohort after 1 to 100
virtual seconds and claims the next one. The jobs are 50 owners', very unequally (owner k has twice
as many as owner 2k), in three priorities and 200 cohort keys. All claims follow one another, as the
lock makes them do. Ten million jobs need 30 GB of disk and about 20 minutes to be put there.
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
from service.domain.states import TERMINAL, JobStatus

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
    filled_s = _fill(database, count, slots)
    print(
        f"{count:,} waiting jobs, {slots:,} slots that hold {slots * _COHORT:,} "
        f"(filled in {filled_s:.0f} s, load {_load()})",
        flush=True,
    )
    before = _rows_read(database)
    took, ended, served = _run(database, slots, most_claims)
    read = (_rows_read(database) - before) / len(took)
    order = [precedence for precedence, _ in served]
    by_owner = Counter(owner for precedence, owner in served if precedence == order[0])
    print(
        f"  {len(took)} claims of {len(served) / len(took):.0f} jobs: median "
        f"{statistics.median(took):.1f} ms, largest {max(took):.0f}; "
        f"{1000 / statistics.mean(took):.0f} claims/s at most; {read:,.0f} index entries read "
        "by each and the end before it"
    )
    print(f"  a cohort's end: median {statistics.median(ended):.1f} ms")
    print(
        f"  order: priorities {'never' if order == sorted(order) else 'AT TIMES'} passed over; "
        f"of the first, {len(by_owner)} owners got {min(by_owner.values())} to "
        f"{max(by_owner.values())} jobs each"
    )
    for what, ask in _QUESTIONS.items():
        print(f"  {what}: {_median_ms(database, ask):.1f} ms", flush=True)


def _run(
    database: Database, slots: int, most: int
) -> tuple[list[float], list[float], list[tuple[int, str]]]:
    """Milliseconds of each claim and of each cohort's end; precedence and owner of each job in the
    order of the claims."""
    rng = random.Random(1)
    free = [(rng.uniform(0, 100), slot) for slot in range(slots)]
    heapq.heapify(free)
    held = {slot: _cohort_at_first(slot) for slot in range(slots)}
    took: list[float] = []
    ended: list[float] = []
    served: list[tuple[int, str]] = []
    while len(took) < most:
        now, slot = heapq.heappop(free)
        started = time.perf_counter()
        with database.writing() as session:
            claims.finish(session, held.pop(slot), status="succeeded")  # type: ignore[arg-type]
        ended.append((time.perf_counter() - started) * 1000)
        started = time.perf_counter()
        with database.writing() as session:
            claimed = claims.claim_next(session, worker_id="wrk_1", limit=_COHORT, lease_s=_LEASE_S)
        took.append((time.perf_counter() - started) * 1000)
        if not claimed:
            break
        held[slot] = {one.job_id: one.attempt for one in claimed}
        served += _whose(database, [one.job_id for one in claimed])
        heapq.heappush(free, (now + rng.uniform(1, 100), slot))
    return took, ended, served


def _cohort_at_first(slot: int) -> dict[str, int]:
    return {f"job_{n:032x}": 1 for n in range(slot * _COHORT + 1, (slot + 1) * _COHORT + 1)}


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
    "how many wait and run (at most 10% of the time)": lambda session: gauges.count(
        session, (JobStatus.QUEUED, JobStatus.RUNNING)
    ),
    "how many ended (at most 1% of the time)": lambda session: gauges.count(session, TERMINAL),
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


def _fill(database: Database, count: int, slots: int) -> float:
    """The first jobs are held by the slots, 64 each; so many others wait."""
    started = time.perf_counter()
    with database.writing() as session:
        pattern = jobs.submit(session, JobSpec.model_validate(_SPEC), []).id
    values = {"pattern": pattern, "owners": _OWNERS, "held": slots * _COHORT}
    # Indexes that are made afterwards are made by sorting once.
    with database.writing() as session:
        indexes = session.execute(text(_INDEXES)).all()
        for index in indexes:
            session.execute(text(f"DROP INDEX {index.indexname}"))
        session.execute(text(_JOBS), {**values, "jobs": slots * _COHORT + count})
        session.execute(text("DELETE FROM jobs WHERE id = :pattern"), values)
        session.execute(text(_OUTBOX))
        session.execute(text(_SERVED))
        session.execute(text("SET LOCAL maintenance_work_mem = '1GB'"))
        for index in indexes:
            session.execute(text(index.indexdef))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
    return time.perf_counter() - started


_INDEXES = (
    "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'jobs' AND indexname LIKE 'ix_%'"
)
_COPIED = "name, spec, warnings, activation, epochs, losses, status_seq, device"
# Owner k has about twice as many as owner 2k.
_JOBS = f"""
INSERT INTO jobs (id, owner, precedence, cohort_key, created_at, status, attempt, worker_id,
                  lease_expires_at, {_COPIED})
SELECT 'job_' || lpad(to_hex(n), 32, '0'), 'owner' || floor(exp(random() * ln(:owners))), -(n % 3),
       'key' || n % 200, now(),
       CASE WHEN n <= :held THEN 'running' ELSE 'queued' END,
       CASE WHEN n <= :held THEN 1 ELSE 0 END,
       CASE WHEN n <= :held THEN 'wrk_1' END,
       CASE WHEN n <= :held THEN now() + interval '1 day' END, {_COPIED}
FROM jobs, generate_series(1, :jobs) n WHERE id = :pattern
"""  # noqa: S608
_OUTBOX = """
INSERT INTO outbox (job_id, announced, due_at, queued_at)
SELECT id, 1, now() + interval '1 day', created_at FROM jobs WHERE status = 'queued'
"""
_SERVED = """
INSERT INTO owners (id, served_at)
SELECT owner, now() FROM jobs WHERE status = 'running' GROUP BY owner
"""


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
