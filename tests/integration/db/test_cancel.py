"""Cancelling, in each state that a job can be in."""

from collections.abc import Callable

import pytest

from service.db import Database, claims
from service.domain.errors import JobNotFound, MoveRefused
from service.domain.states import TERMINAL, JobStatus, Reason
from tests.integration.db.record import (
    announced,
    cancel,
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


def test_a_queued_job_is_cancelled_at_once(database: Database) -> None:
    job = cancel(database, queue(database))
    assert (job.status, job.reason) == (JobStatus.CANCELLED, Reason.USER)
    assert job.finished_at is not None
    assert job.cancel_requested_at is not None
    assert announced(database) == set()


def test_a_cancelled_job_cannot_be_claimed(database: Database) -> None:
    job_id = queue(database)
    cancel(database, job_id)
    assert take(database, job_id) == {}


def test_a_running_job_goes_on_until_its_worker_obeys(database: Database) -> None:
    job_id, held = running(database)
    job = cancel(database, job_id)
    assert job.status is JobStatus.RUNNING
    assert job.cancel_requested_at is not None
    with database.reading() as session:
        assert claims.cancel_requests(session, held) == {job_id}


def test_asking_twice_keeps_the_first_time(database: Database) -> None:
    job_id, _ = running(database)
    assert cancel(database, job_id) == cancel(database, job_id)


def test_only_the_asked_member_of_a_cohort_is_to_be_cancelled(database: Database) -> None:
    first, second = queue(database), queue(database)
    held = take(database, first, limit=2)
    cancel(database, second)
    with database.reading() as session:
        assert claims.cancel_requests(session, held) == {second}


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_an_ended_job_cannot_be_cancelled(database: Database, status: JobStatus) -> None:
    job_id, held = running(database)
    finish(database, held, status)
    with pytest.raises(MoveRefused, match=status):
        cancel(database, job_id)


def test_an_unknown_job_cannot_be_cancelled(database: Database) -> None:
    with pytest.raises(JobNotFound):
        cancel(database, "job_0")


def test_a_job_that_loses_its_worker_after_the_request_is_cancelled(database: Database) -> None:
    job_id, _ = running(database)
    cancel(database, job_id)
    lapse(database, job_id)
    reap(database)
    assert find(database, job_id).status is JobStatus.CANCELLED
    assert announced(database) == set()


def test_that_it_was_the_last_attempt_does_not_make_it_a_failure(database: Database) -> None:
    job_id, _ = running(database)
    cancel(database, job_id)
    lapse(database, job_id)
    reap(database, max_attempts=1)
    assert find(database, job_id).status is JobStatus.CANCELLED


def test_a_job_handed_back_after_the_request_is_cancelled(database: Database) -> None:
    job_id, held = running(database)
    cancel(database, job_id)
    hand_back(database, held)
    assert [change.status for change in history(database, job_id)] == [
        JobStatus.QUEUED,
        JobStatus.RUNNING,
        JobStatus.CANCELLED,
    ]


def test_what_was_measured_before_is_kept(database: Database) -> None:
    job_id, held = running(database)
    record(database, held, epoch(job_id, 0), epoch(job_id, 1))
    cancel(database, job_id)
    finish(database, held, JobStatus.CANCELLED)
    assert rows(database, "SELECT epoch FROM epoch_metrics ORDER BY epoch") == [(0,), (1,)]


def retaken(database: Database) -> tuple[str, dict[str, int]]:
    """A job that measured three epochs and was claimed again, but has not begun again."""
    job_id, held = running(database)
    record(database, held, *(epoch(job_id, number, train_loss=0.5) for number in range(3)))
    hand_back(database, held)
    return job_id, take(database, job_id)


def cancel_as_its_worker_does(database: Database, job_id: str, held: dict[str, int]) -> None:
    cancel(database, job_id)
    finish(database, held, JobStatus.CANCELLED)


def cancel_and_lose_the_worker(database: Database, job_id: str, held: dict[str, int]) -> None:
    cancel(database, job_id)
    lapse(database, *held)
    reap(database)


def lose_the_last_worker(database: Database, job_id: str, held: dict[str, int]) -> None:
    lapse(database, *held)
    reap(database, max_attempts=1)


@pytest.mark.parametrize(
    "end", [cancel_as_its_worker_does, cancel_and_lose_the_worker, lose_the_last_worker]
)
def test_an_attempt_that_measured_nothing_yet_takes_nothing_away(
    database: Database, end: Callable[[Database, str, dict[str, int]], None]
) -> None:
    job_id, held = retaken(database)
    end(database, job_id, held)
    job = find(database, job_id)
    assert job.is_terminal
    assert job.attempt == 2
    for table in ("epoch_metrics", "layer_metrics", "unit_activity"):
        assert rows(database, f"SELECT attempt, epoch FROM {table} ORDER BY epoch") == [  # noqa: S608
            (1, 0),
            (1, 1),
            (1, 2),
        ]
    assert job.summary is not None
    assert (job.summary.epoch, job.summary.train_loss) == (2, 0.5)
    assert job.progress > 0


def test_one_that_had_begun_again_leaves_its_own_alone(database: Database) -> None:
    job_id, held = retaken(database)
    record(database, held, epoch(job_id, 0, train_loss=0.5))
    cancel_as_its_worker_does(database, job_id, held)
    assert rows(database, "SELECT attempt, epoch FROM epoch_metrics") == [(2, 0)]
    summary = find(database, job_id).summary
    assert summary is not None
    assert summary.epoch == 0
