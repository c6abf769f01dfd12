"""Submitting: one job a key, however often and from however many threads."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest
from sqlalchemy import event

from service.db import Database, engine, jobs
from service.domain.errors import IdempotencyConflict, JobNotFound
from service.domain.job import SpecWarning
from service.domain.spec import JobSpec
from service.domain.states import JobStatus
from tests.integration.db.record import announced, find, history, queue, rows
from tests.specs import job_spec


def submit(database: Database, spec: JobSpec, key: str, fingerprint: str) -> str:
    with database.writing() as session:
        return jobs.submit(session, spec, [], idempotency=(key, fingerprint)).id


def test_a_submitted_job_is_queued_and_announced_in_one_transaction(database: Database) -> None:
    job_id = queue(database)
    assert find(database, job_id).status is JobStatus.QUEUED
    assert announced(database) == {job_id}
    assert [change.status for change in history(database, job_id)] == [JobStatus.QUEUED]


def test_a_fresh_job_shows_nothing_that_has_not_happened(database: Database) -> None:
    job = find(database, queue(database))
    assert (job.attempt, job.progress, job.summary, job.environment) == (0, 0, None, None)
    assert job.started_at is job.finished_at is job.cancel_requested_at is None


def test_spec_and_warnings_come_back_as_they_were_given(database: Database) -> None:
    spec = job_spec(name="μ = 0.1", optimizer={"learning_rate": 1e-300, "weight_decay": 1e22})
    warning = SpecWarning(code="a", pointer="/b", detail="c")
    with database.writing() as session:
        job = jobs.submit(session, spec, [warning])
    assert find(database, job.id).spec == spec
    assert find(database, job.id).warnings == [warning]


@pytest.mark.parametrize("value", [5e-324, 1.7976931348623157e308, 0.1, 1e16, 1e22, 2**53 + 1.0])
def test_every_number_of_a_spec_is_stored_exactly(database: Database, value: float) -> None:
    spec = job_spec(optimizer={"learning_rate": value})
    with database.writing() as session:
        job_id = jobs.submit(session, spec, []).id
    assert find(database, job_id).spec.optimizer.learning_rate == value


def test_the_same_key_and_body_answer_with_the_first_job(database: Database) -> None:
    first = submit(database, job_spec(), "key", "digest")
    assert submit(database, job_spec(), "key", "digest") == first
    assert rows(database, "SELECT count(*) FROM jobs") == [(1,)]


def test_the_same_key_with_another_body_is_refused_and_stores_nothing(database: Database) -> None:
    submit(database, job_spec(), "key", "digest")
    with pytest.raises(IdempotencyConflict):
        submit(database, job_spec(), "key", "another")
    assert rows(database, "SELECT count(*) FROM jobs") == [(1,)]


def test_threads_with_one_key_at_once_make_one_job(database: Database) -> None:
    together = Barrier(8)

    def post(_: int) -> str:
        together.wait()
        return submit(database, job_spec(), "key", "digest")

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(post, range(8)))
    assert len(ids) == 1
    assert rows(database, "SELECT count(*) FROM jobs") == [(1,)]


def test_a_key_whose_transaction_failed_is_free_again(database: Database) -> None:
    def submit_and_fail() -> None:
        with database.writing() as session:
            jobs.submit(session, job_spec(), [], idempotency=("key", "digest"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        submit_and_fail()
    assert find(database, submit(database, job_spec(), "key", "other")).status is JobStatus.QUEUED


def test_an_unknown_id_is_not_found(database: Database) -> None:
    with pytest.raises(JobNotFound, match="job_0"), database.reading() as session:
        jobs.find(session, "job_0")


def test_what_submitting_returns_is_what_is_stored(database: Database) -> None:
    warning = SpecWarning(code="a", pointer="/b", detail="c")
    with database.writing() as session:
        job = jobs.submit(session, job_spec(name="μ"), [warning], priority=3)
    assert find(database, job.id) == job


def test_a_job_is_stored_by_one_statement_on_postgresql(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    statements: list[str] = []
    event.listen(
        database.engine, "before_cursor_execute", lambda *about: statements.append(about[2])
    )
    with database.writing() as session:
        jobs.submit(session, job_spec(), [], max_queued=10)
    database.dispose()
    assert len(statements) == 1


def test_a_connection_that_died_at_rest_is_replaced(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_PING_AFTER_S", 0.0)
    database = Database(postgresql_url)
    queue(database)
    kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    with psycopg.connect(postgresql_url) as other:
        other.execute(f"{kill} AND datname = current_database()")
    assert find(database, queue(database)).status is JobStatus.QUEUED
    database.dispose()
