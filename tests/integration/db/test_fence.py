"""The fence: who lost a job, by attempt or by lease, can write nothing about it."""

from collections.abc import Callable

import pytest

from service.db import Database, claims
from service.domain.states import JobStatus, Reason
from tests.integration.db.record import (
    LEASE_S,
    epoch,
    find,
    finish,
    hand_back,
    history,
    lapse,
    queue,
    reap,
    record,
    rows,
    running,
    take,
)

Held = dict[str, int]


def renew(database: Database, held: Held) -> set[str]:
    with database.writing() as session:
        return claims.renew(session, held, lease_s=LEASE_S)


def record_one(database: Database, held: Held) -> set[str]:
    return record(database, held, *(epoch(job_id, 0) for job_id in held))


def record_environment(database: Database, held: Held) -> None:
    with database.writing() as session:
        claims.record_environment(session, held, {"device": "stale"})


def lose(database: Database, held: Held) -> None:
    with database.writing() as session:
        claims.lose(session, held, reason=Reason.OUT_OF_MEMORY, detail="", max_attempts=1)


WRITES = [renew, record_one, record_environment, finish, hand_back, lose]


def everything(database: Database) -> list[object]:
    queries = ["SELECT * FROM jobs", "SELECT * FROM epoch_metrics", "SELECT * FROM job_statuses"]
    return [rows(database, query) for query in queries]


@pytest.mark.parametrize("write", WRITES)
def test_a_stale_attempt_writes_nothing(
    database: Database, write: Callable[[Database, Held], object]
) -> None:
    job_id, stale = running(database)
    hand_back(database, stale)
    assert take(database, job_id) == {job_id: 2}
    before = everything(database)
    assert not write(database, stale)
    assert everything(database) == before


@pytest.mark.parametrize("write", WRITES)
def test_a_lapsed_lease_writes_nothing_even_before_the_reaper_came(
    database: Database, write: Callable[[Database, Held], object]
) -> None:
    job_id, held = running(database)
    lapse(database, job_id)
    before = everything(database)
    assert not write(database, held)
    assert everything(database) == before


@pytest.mark.parametrize("write", WRITES)
def test_an_ended_job_is_not_written_again(
    database: Database, write: Callable[[Database, Held], object]
) -> None:
    _, held = running(database)
    finish(database, held)
    before = everything(database)
    assert not write(database, held)
    assert everything(database) == before


@pytest.mark.parametrize("write", WRITES)
def test_holding_nothing_writes_nothing(
    database: Database, write: Callable[[Database, Held], object]
) -> None:
    queue(database)
    before = everything(database)
    assert not write(database, {})
    assert everything(database) == before


def test_of_a_cohort_only_what_is_held_is_written(database: Database) -> None:
    first, second = queue(database), queue(database)
    held = take(database, first, limit=2)
    lapse(database, second)
    assert record_one(database, held) == {first}
    assert rows(database, "SELECT job_id FROM epoch_metrics") == [(first,)]


def test_a_renewed_lease_holds(database: Database) -> None:
    job_id, held = running(database)
    (before,) = rows(database, "SELECT lease_expires_at FROM jobs")
    with database.writing() as session:
        assert claims.renew(session, held, lease_s=2 * LEASE_S) == {job_id}
    (after,) = rows(database, "SELECT lease_expires_at FROM jobs")
    assert after > before


def test_what_the_numbers_depend_on_is_noted(database: Database) -> None:
    job_id, held = running(database)
    with database.writing() as session:
        claims.record_environment(session, held, {"device": "cpu"})
    assert find(database, job_id).environment == {"device": "cpu"}


def test_the_last_attempt_alone_ends_the_job(database: Database) -> None:
    job_id, stale = running(database)
    lapse(database, job_id)
    reap(database)
    held = take(database, job_id)
    assert finish(database, stale) == set()
    assert finish(database, held) == {job_id}
    assert [(change.status, change.attempt) for change in history(database, job_id)] == [
        (JobStatus.QUEUED, 0),
        (JobStatus.RUNNING, 1),
        (JobStatus.QUEUED, 1),
        (JobStatus.RUNNING, 2),
        (JobStatus.SUCCEEDED, 2),
    ]
