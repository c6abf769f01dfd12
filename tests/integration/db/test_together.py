"""Writes in one transaction: what they share, and what they do not."""

from collections.abc import Callable
from typing import TypeVar

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from service.db import Database, jobs
from service.db.audit import Actor
from service.db.together import Write
from service.domain.errors import QueueFull
from tests.integration.db.record import rows
from tests.specs import job_spec

T = TypeVar("T")


def submit(session: Session, *, max_queued: int | None = None) -> str:
    return jobs.submit(session, job_spec(), [], max_queued=max_queued).id


def together(database: Database, *makes: Callable[[Session], T]) -> list[Write[T]]:
    group = [database.joint(make) for make in makes]
    database.make_together(group)
    return group


def test_writes_share_one_transaction(database: Database) -> None:
    commits: list[None] = []
    event.listen(database.engine, "commit", lambda _: commits.append(None))
    made = [write.result for write in together(database, *[submit] * 10)]
    assert len(commits) == 1
    assert sorted(rows(database, "SELECT id FROM jobs")) == sorted((job_id,) for job_id in made)
    for table in ("outbox", "job_statuses"):
        assert rows(database, f"SELECT count(*) FROM {table}") == [(10,)]  # noqa: S608


def test_the_queue_is_full_for_those_who_come_too_late_alone(database: Database) -> None:
    group = together(database, *[lambda session: submit(session, max_queued=3)] * 5)
    assert [type(write.error) for write in group] == [type(None)] * 3 + [QueueFull] * 2
    assert rows(database, "SELECT count(*) FROM jobs") == [(3,)]
    with pytest.raises(QueueFull):
        _ = group[3].result


def test_a_fault_of_one_is_no_other_ones(database: Database) -> None:
    def fail(session: Session) -> str:
        submit(session)
        session.execute(text("INSERT INTO jobs (id) VALUES ('half a job')"))
        raise AssertionError

    def stop(session: Session) -> str:
        submit(session)
        raise ZeroDivisionError

    first, failed, stopped, last = together(database, submit, fail, stop, submit)
    assert isinstance(failed.error, IntegrityError)
    assert isinstance(stopped.error, ZeroDivisionError)
    made = sorted([(first.result,), (last.result,)])
    assert sorted(rows(database, "SELECT id FROM jobs")) == made


def test_where_the_database_stops_answering_nobody_is_told_that_it_did(
    postgresql_url: str,
) -> None:
    database = Database(postgresql_url)

    def hang_up(session: Session) -> str:
        session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        raise AssertionError

    group = together(database, submit, hang_up, submit)
    assert [type(write.error) for write in group] == [OperationalError] * 3
    assert rows(database, "SELECT count(*) FROM jobs") == [(0,)]
    assert together(database, submit)[0].result
    database.dispose()


def test_each_sees_what_its_owner_sees_and_is_in_the_log_by_its_own_name(
    database: Database,
) -> None:
    def read(session: Session) -> list[str]:
        jobs.submit(session, job_spec(), [], owner=session.info["seen by"])
        listed = jobs.list_newest_first(session, jobs.JobFilter(), before_id=None, limit=10)
        return [job.id for job in listed]

    def write_of(owner: str) -> Write[list[str]]:
        actor = Actor(owner=owner, key_id=f"key_{owner}", method="POST", path="/", request_id="r")
        return database.seen_by(owner, actor).joint(read)

    group = {owner: write_of(owner) for owner in ("ada", "emmy")}
    database.make_together(list(group.values()))
    for owner, write in group.items():
        mine = rows(database, f"SELECT id FROM jobs WHERE owner = '{owner}'")  # noqa: S608
        assert [(job_id,) for job_id in write.result] == mine
    logged = rows(database, "SELECT owner, key_id FROM audit_log ORDER BY owner")
    assert logged == [("ada", "key_ada"), ("emmy", "key_emmy")]
