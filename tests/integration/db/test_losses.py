"""Jobs whose worker fell silent, and those that a worker returned."""

from service.db import Database, claims
from service.dispatch import reaper
from service.domain.states import JobStatus, Reason
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


def test_a_job_whose_lease_holds_is_left_alone(database: Database) -> None:
    job_id, _ = running(database)
    assert reap(database) == []
    assert find(database, job_id).status is JobStatus.RUNNING


def test_a_lease_runs_out_by_itself(database: Database) -> None:
    job_id = queue(database)
    take(database, job_id, lease_s=1e-5)
    while not (lost := reap(database)):
        pass
    assert lost == [job_id]


def test_a_lost_job_waits_in_the_queue_again(database: Database) -> None:
    job_id, _ = running(database)
    lapse(database, job_id)
    assert reap(database) == [job_id]
    assert find(database, job_id).status is JobStatus.QUEUED
    assert announced(database) == {job_id}
    assert history(database, job_id)[-1].reason is Reason.WORKER_LOST


def test_a_job_that_lost_too_many_workers_fails(database: Database) -> None:
    job_id = queue(database)
    for _ in range(3):
        assert find(database, job_id).status is JobStatus.QUEUED
        take(database, job_id)
        lapse(database, job_id)
        reap(database, max_attempts=3)
    job = find(database, job_id)
    assert (job.status, job.reason, job.attempt) == (JobStatus.FAILED, Reason.WORKER_LOST, 3)
    assert job.finished_at is not None
    assert announced(database) == set()


def test_handing_back_is_no_loss(database: Database) -> None:
    job_id = queue(database)
    for _ in range(5):
        hand_back(database, take(database, job_id))
    assert rows(database, "SELECT losses, attempt FROM jobs") == [(0, 5)]
    assert find(database, job_id).status is JobStatus.QUEUED
    assert history(database, job_id)[-1].reason is Reason.HANDED_BACK
    assert announced(database) == {job_id}


def test_a_lost_training_process_counts_as_a_loss_with_its_reason(database: Database) -> None:
    job_id, held = running(database)
    for attempt in (1, 2):
        with database.writing() as session:
            claims.lose(session, held, reason=Reason.OUT_OF_MEMORY, detail="killed", max_attempts=2)
        held = take(database, job_id) if attempt == 1 else {}
    job = find(database, job_id)
    assert (job.status, job.reason, job.detail) == (
        JobStatus.FAILED,
        Reason.OUT_OF_MEMORY,
        "killed",
    )


def test_rows_of_a_lost_attempt_are_gone_when_a_shorter_one_ends(database: Database) -> None:
    job_id, first = running(database)
    record(database, first, *(epoch(job_id, number) for number in range(4)))
    lapse(database, job_id)
    reap(database)
    second = take(database, job_id)
    record(database, second, *(epoch(job_id, number) for number in range(2)))
    finish(database, second)
    for table in ("epoch_metrics", "layer_metrics", "unit_activity"):
        kept = rows(database, f"SELECT epoch, attempt FROM {table} ORDER BY epoch")  # noqa: S608
        assert kept == [(0, 2), (1, 2)]


def test_a_failed_job_keeps_the_rows_of_its_last_attempt_alone(database: Database) -> None:
    job_id, first = running(database)
    record(database, first, *(epoch(job_id, number) for number in range(4)))
    hand_back(database, first)
    second = take(database, job_id)
    record(database, second, epoch(job_id, 0))
    lapse(database, job_id)
    reap(database, max_attempts=1)
    assert rows(database, "SELECT epoch, attempt FROM epoch_metrics") == [(0, 2)]
    summary = find(database, job_id).summary
    assert summary is not None
    assert summary.epoch == 0


def test_a_job_cancelled_between_attempts_keeps_what_was_measured(database: Database) -> None:
    job_id, held = running(database)
    record(database, held, epoch(job_id, 0), epoch(job_id, 1))
    hand_back(database, held)
    cancel(database, job_id)
    assert rows(database, "SELECT count(*) FROM epoch_metrics") == [(2,)]


def test_the_reaper_takes_a_bounded_number_longest_lapsed_first(database: Database) -> None:
    made = [queue(database) for _ in range(5)]
    take(database, made[0], limit=5)
    lapse(database, *made)
    with database.writing() as session:
        first = claims.give_up_on_silent_workers(session, max_attempts=3, limit=2)
    assert len(first) == 2
    assert len(reap(database)) == 3


def test_the_reaper_goes_on_until_no_lease_has_run_out(database: Database) -> None:
    made = [queue(database) for _ in range(5)]
    take(database, made[0], limit=5)
    lapse(database, *made)
    reaper.reap(database, max_attempts=3, at_once=2)
    assert {find(database, job_id).status for job_id in made} == {JobStatus.QUEUED}
