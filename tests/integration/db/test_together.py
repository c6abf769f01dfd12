"""Writes of several threads in one transaction: what they share, and what they do not."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import TypeVar

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from service.db import Database, jobs
from service.db.audit import Actor
from service.domain.errors import QueueFull
from tests.integration.db.record import rows
from tests.specs import job_spec
from tests.stack import wait_for

T = TypeVar("T")

Make = Callable[[Session], T]


def submit(session: Session, *, max_queued: int | None = None) -> str:
    return jobs.submit(session, job_spec(), [], max_queued=max_queued).id


@contextmanager
def a_long_write(database: Database) -> Iterator[None]:
    """While the block runs a write is under way, so that whoever comes has to wait for it."""
    under_way, may_end = Event(), Event()

    def make(session: Session) -> None:
        session.connection()
        under_way.set()
        assert may_end.wait(60)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(database.write_together, make)
        assert under_way.wait(60)
        try:
            yield
        finally:
            may_end.set()


def wait_until_waiting(database: Database, count: int) -> None:
    wait_for(lambda: len(database._together._waiting) == count, what=f"{count} wait")


def together(database: Database, *makes: Make[T]) -> list[Future[T]]:
    """Writes that wait for the same moment, and are then made in this order."""
    with ThreadPoolExecutor(len(makes)) as pool:
        with a_long_write(database):
            futures = []
            for make in makes:
                futures.append(pool.submit(database.write_together, make))
                wait_until_waiting(database, len(futures))
        return futures


def commits(database: Database) -> list[None]:
    """Grows by one with each transaction that is committed."""
    counted: list[None] = []
    event.listen(database.engine, "commit", lambda _: counted.append(None))
    return counted


def test_a_write_that_comes_alone_is_made_at_once(database: Database) -> None:
    made = database.write_together(submit)
    assert rows(database, "SELECT id FROM jobs") == [(made,)]


def test_writes_that_come_during_another_share_one_transaction(database: Database) -> None:
    counted = commits(database)
    made = [future.result() for future in together(database, *[submit] * 10)]
    assert len(counted) == 2
    assert sorted(rows(database, "SELECT id FROM jobs")) == sorted((job_id,) for job_id in made)
    for table in ("outbox", "job_statuses"):
        assert rows(database, f"SELECT count(*) FROM {table}") == [(10,)]  # noqa: S608


def test_the_queue_is_full_for_those_who_come_too_late_alone(database: Database) -> None:
    futures = together(database, *[lambda session: submit(session, max_queued=3)] * 5)
    assert [type(future.exception()) for future in futures] == [type(None)] * 3 + [QueueFull] * 2
    assert rows(database, "SELECT count(*) FROM jobs") == [(3,)]


def test_a_fault_of_one_is_no_other_ones(database: Database) -> None:
    def fail(session: Session) -> str:
        submit(session)
        session.execute(text("INSERT INTO jobs (id) VALUES ('half a job')"))
        raise AssertionError

    def stop(session: Session) -> str:
        submit(session)
        raise ZeroDivisionError

    first, failed, stopped, last = together(database, submit, fail, stop, submit)
    assert isinstance(failed.exception(), IntegrityError)
    assert isinstance(stopped.exception(), ZeroDivisionError)
    made = sorted([(first.result(),), (last.result(),)])
    assert sorted(rows(database, "SELECT id FROM jobs")) == made


def test_where_the_database_stops_answering_nobody_is_told_that_it_did(
    postgresql_url: str,
) -> None:
    database = Database(postgresql_url)

    def hang_up(session: Session) -> str:
        session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        raise AssertionError

    futures = together(database, submit, hang_up, submit)
    assert [type(future.exception()) for future in futures] == [OperationalError] * 3
    assert rows(database, "SELECT count(*) FROM jobs") == [(0,)]
    assert database.write_together(submit)
    database.dispose()


def test_each_sees_what_its_owner_sees_and_is_in_the_log_by_its_own_name(
    database: Database,
) -> None:
    def read(session: Session) -> list[str]:
        jobs.submit(session, job_spec(), [], owner=session.info["seen by"])
        listed = jobs.list_newest_first(session, jobs.JobFilter(), before_id=None, limit=10)
        return [job.id for job in listed]

    def seen_by(owner: str) -> Database:
        actor = Actor(owner=owner, key_id=f"key_{owner}", method="POST", path="/", request_id="r")
        return database.seen_by(owner, actor)

    with ThreadPoolExecutor(2) as pool, a_long_write(database):
        asked = [pool.submit(seen_by(owner).write_together, read) for owner in ("ada", "emmy")]
        wait_until_waiting(database, 2)
    for owner, future in zip(("ada", "emmy"), asked, strict=True):
        mine = rows(database, f"SELECT id FROM jobs WHERE owner = '{owner}'")  # noqa: S608
        assert [(job_id,) for job_id in future.result()] == mine
    logged = rows(database, "SELECT owner, key_id FROM audit_log ORDER BY owner")
    assert logged == [("ada", "key_ada"), ("emmy", "key_emmy")]


def test_many_threads_at_once_each_get_their_own(database: Database) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda _: database.write_together(submit), range(200)))
    assert len(set(made)) == 200
    assert sorted(rows(database, "SELECT id FROM jobs")) == sorted((one,) for one in made)


@pytest.mark.parametrize("count", [1, 3])
def test_after_a_failure_the_next_is_served(database: Database, count: int) -> None:
    def fail(_: Session) -> str:
        raise ZeroDivisionError

    for future in together(database, *[fail] * count):
        assert isinstance(future.exception(), ZeroDivisionError)
    assert database.write_together(submit)
