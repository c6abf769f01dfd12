"""The questions asked all the time are answered by an index, with many jobs too."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.orm import Session

from service.db import (
    Database,
    claims,
    gauges,
    jobs,
    metrics,
    outbox,
    pruning,
    retries,
    rollups,
    sweeps,
    thinning,
    turns,
)
from service.db.jobs import JobFilter
from service.domain.errors import JobNotFound, SweepNotFound
from service.domain.states import TERMINAL, JobStatus
from tests.integration.db.record import queue

JOBS = 5_000


@pytest.fixture(scope="module")
def crowded(filled_once: Database) -> Database:
    """PostgreSQL with many ended jobs and a few others; its planner knows how many."""
    _fill(filled_once)
    return filled_once


def _fill(database: Database) -> None:
    pattern = queue(database)
    copied = "name, spec, warnings, epochs, attempt, losses, status_seq, created_at"
    with database.writing() as session:
        session.execute(
            text(
                f"INSERT INTO jobs (id, cohort_key, activation, status, {copied}) "  # noqa: S608
                "SELECT 'job_' || lpad(to_hex(n), 32, '0'), 'key' || n % 50, 'relu', "
                "CASE n % 100 WHEN 0 THEN 'running' WHEN 1 THEN 'queued' ELSE 'succeeded' END, "
                f"{copied} FROM jobs, generate_series(1, :jobs) n WHERE id = :pattern"
            ),
            {"jobs": JOBS, "pattern": pattern},
        )
        session.execute(
            text(
                "INSERT INTO outbox (job_id, announced, due_at, queued_at) "
                "SELECT id, 1, clock_timestamp() + interval '1 hour', clock_timestamp() "
                "FROM jobs WHERE id <> :pattern"
            ),
            {"pattern": pattern},
        )
        session.execute(
            text(
                "INSERT INTO epoch_metrics (job_id, epoch, attempt) "
                "SELECT id, n, 1 FROM jobs, generate_series(0, 4) n"
            )
        )
        session.execute(
            text(
                "INSERT INTO sweeps (id, base, axes, mode, members, created_at) "
                "SELECT 'swp_' || n, '{}', '[]', 'grid', 10, clock_timestamp() "
                "FROM generate_series(1, :jobs) n"
            ),
            {"jobs": JOBS},
        )
        session.execute(text("UPDATE jobs SET sweep_id = 'swp_' || substr(id, 34, 2)"))
        session.execute(
            text(
                "INSERT INTO idempotency_keys (key, fingerprint, resource_id, created_at) "
                "SELECT id, 'f', id, clock_timestamp() FROM jobs"
            )
        )
        session.execute(text("ANALYZE"))


def listing(**wanted: Any) -> Callable[[Session], object]:
    return lambda session: jobs.list_newest_first(
        session, JobFilter(**wanted), before_id=None, limit=20
    )


HELD = {f"job_{n:032x}": 1 for n in range(100, 700, 100)}

QUESTIONS: dict[str, Callable[[Session], object]] = {
    "list": listing(),
    "list by status": listing(status="failed"),
    "list by outcome": listing(outcome="diverged"),
    "list by activation": listing(activation="tanh"),
    "list by name": listing(name="nobody"),
    "list by sweep": listing(sweep_id="swp_1"),
    "list by study": listing(study_id="std_1"),
    "list by sweep and status": listing(sweep_id="swp_1", status="failed"),
    "list sweeps": lambda session: sweeps.list_newest_first(
        session, sweeps.SweepFilter(), before_id=None, limit=20
    ),
    "list sweeps by name": lambda session: sweeps.list_newest_first(
        session, sweeps.SweepFilter(name="nobody"), before_id=None, limit=20
    ),
    "find sweep": lambda session: sweeps.find(session, "swp_9"),
    "results of a sweep": lambda session: sweeps.results(session, "swp_9", "train_loss"),
    "retry": lambda session: retries.requeue_ended(session, [f"job_{7:032x}"]),
    "prune": lambda session: pruning.remove_old(
        session, older_than_s=86_400.0, statuses=[JobStatus.FAILED], limit=100
    ),
    "delete": lambda session: retries.remove(session, f"job_{7:032x}"),
    "find": lambda session: jobs.find(session, f"job_{1:032x}"),
    "claim": lambda session: claims.claim(
        session, f"job_{1:032x}", worker_id="wrk_1", limit=8, lease_s=60
    ),
    "claim next": lambda session: claims.claim_next(
        session, worker_id="wrk_1", limit=8, lease_s=60, per_owner=2
    ),
    "glance": turns.anything_waits,
    "renew": lambda session: claims.renew(session, HELD, lease_s=60),
    "finish": lambda session: claims.finish(session, HELD, status="succeeded"),  # type: ignore[arg-type]
    "reap": lambda session: claims.give_up_on_silent_workers(session, max_attempts=3),
    "load": gauges.read_load,
    "due": lambda session: outbox.due(session, limit=100),
    "mark": lambda session: outbox.mark_announced(session, [f"job_{1:032x}"], republish_s=1),
    "epochs": lambda session: metrics.read_epochs(session, f"job_{1:032x}"),
    "epochs in few points": lambda session: thinning.thin_epochs(
        session, f"job_{1:032x}", ("train_loss",), max_points=2
    ),
    "roll-up": lambda session: rollups.roll_up(
        session, {f"job_{1:032x}": 1}, [(f"job_{1:032x}", 99)]
    ),
    "epochs after": lambda session: metrics.epochs_after(
        session, f"job_{1:032x}", after_epoch=2, limit=10
    ),
}


OF_ONE_OWNER = [name for name in QUESTIONS if name.startswith(("list", "find", "results"))]
"""What is asked in the name of one owner among many."""


@pytest.mark.parametrize("question", OF_ONE_OWNER)
def test_nor_for_one_owner_among_many(crowded: Database, question: str) -> None:
    test_no_table_is_read_from_end_to_end(crowded.seen_by("ada"), question)


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_table_is_read_from_end_to_end(crowded: Database, question: str) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_c: Connection, _cur: object, statement: str, values: Any, *_: object) -> None:
        asked.append((statement, values))

    with crowded.writing() as session:
        event.listen(crowded.engine, "before_cursor_execute", note)
        # One owner among many has made nothing: the question is asked all the same.
        with suppress(JobNotFound, SweepNotFound):
            QUESTIONS[question](session)
        event.remove(crowded.engine, "before_cursor_execute", note)
        session.rollback()
    assert asked
    for statement, values in asked:
        plan = _plan(crowded, statement, values)
        read = [line for line in plan if "Seq Scan on" in line]
        # Empty, or, with a row per owner, to be read as a whole.
        small = (
            "layer_metrics",
            "unit_activity",
            "epoch_rollups",
            "coarse_rollups",
            "owners",
            "treatments",
            "weights",
        )
        strays = [line for line in read if not any(table in line for table in small)]
        assert strays == [], "\n".join([statement, *plan])


def _plan(database: Database, statement: str, values: Any) -> list[str]:
    with database.engine.connect() as connection:
        return [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", values)]


def test_the_jobs_that_ended_are_counted_in_an_index(crowded: Database) -> None:
    # As autovacuum does before long; then the index alone tells what is there.
    with crowded.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE jobs")
    asked: list[tuple[str, Any]] = []

    def note(_c: Connection, _cur: object, statement: str, values: Any, *_: object) -> None:
        asked.append((statement, values))

    event.listen(crowded.engine, "before_cursor_execute", note)
    with crowded.reading() as session:
        gauges.count(session, TERMINAL)
    event.remove(crowded.engine, "before_cursor_execute", note)
    ((statement, values),) = asked
    plan = _plan(crowded, statement, values)
    assert any("Index Only Scan" in line for line in plan), "\n".join(plan)
