"""A claim costs the same however many jobs wait and run."""

from collections import Counter

import pytest
from sqlalchemy import text

from service.db import Database, claims, turns
from service.domain.states import JobStatus
from tests.integration.db.record import LEASE_S, queue

JOBS = 20_000
OWNERS = 20
SLOTS = 64


@pytest.fixture(scope="module")
def long(filled_once: Database) -> Database:
    """PostgreSQL with as many running jobs as waiting ones; its planner knows how many."""
    _fill(filled_once)
    return filled_once


def _fill(database: Database) -> None:
    pattern = queue(database)
    copied = "name, spec, warnings, activation, epochs, losses, status_seq, created_at, device"
    with database.writing() as session:
        session.execute(
            text(
                "INSERT INTO jobs (id, owner, precedence, cohort_key, status, attempt, "  # noqa: S608
                f"{copied}) SELECT 'job_' || lpad(to_hex(n), 32, '0'), 'owner' || n % :owners, "
                "-(n / 100 % 3), 'key' || n / 1000 % 2, "
                "CASE WHEN n > :jobs THEN 'running' ELSE 'queued' END, 0, "
                f"{copied} FROM jobs, generate_series(1, 2 * :jobs) n WHERE id = :pattern"
            ),
            {"jobs": JOBS, "owners": OWNERS, "pattern": pattern},
        )
        session.execute(text("DELETE FROM jobs WHERE id = :pattern"), {"pattern": pattern})
        session.execute(
            text(
                "INSERT INTO owners SELECT DISTINCT owner, now() FROM jobs WHERE owner <> 'owner7'"
            )
        )
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")


_READ = """
SELECT sum(pg_stat_get_xact_tuples_returned(indexrelid)) +
       pg_stat_get_xact_tuples_returned('jobs'::regclass)
FROM pg_index WHERE indrelid = 'jobs'::regclass
"""


def test_a_claim_does_not_look_the_queue_over(long: Database) -> None:
    with long.writing() as session:
        claimed = claims.claim_next(session, worker_id="wrk_1", limit=SLOTS, lease_s=LEASE_S)
        read = session.scalar(text(_READ))
        whose = Counter(
            session.scalars(
                text("SELECT owner FROM jobs WHERE id = ANY(:ids)"),
                {"ids": [one.job_id for one in claimed]},
            )
        )
        session.rollback()
    assert len(claimed) == SLOTS
    # Everybody's turn comes three times, and four owners' once more.
    assert sorted(whose.values()) == [3] * 16 + [4] * 4
    # 256 running jobs and twice 64 waiting ones of each owner; the claimed ones some times over.
    assert 0 < read < OWNERS * (256 + 2 * SLOTS) + 20 * SLOTS


def test_of_many_running_jobs_no_more_are_counted_than_matter(long: Database) -> None:
    with long.reading() as session:
        known = turns.standings(session)
        limited = turns.standings(session, per_owner=700)
    assert {one.running for one in known.values()} == {256}
    assert {one.running for one in limited.values()} == {700}
    assert "owner7" not in known


def test_whoever_never_had_a_turn_has_the_next(long: Database) -> None:
    with long.writing() as session:
        job_id = turns.next_in_line(session, per_owner=0)
        owner, precedence, status = session.execute(
            text("SELECT owner, precedence, status FROM jobs WHERE id = :id"), {"id": job_id}
        ).one()
        session.rollback()
    assert (owner, precedence, status) == ("owner7", -2, JobStatus.QUEUED)


def test_whoever_is_at_the_limit_is_passed_over(long: Database) -> None:
    with long.writing() as session:
        # Of the others each has a thousand running jobs already.
        assert turns.next_in_line(session, per_owner=1000) is not None
        session.execute(text("INSERT INTO owners VALUES ('owner7', now())"))
        assert turns.next_in_line(session, per_owner=1000) is None
        session.rollback()
