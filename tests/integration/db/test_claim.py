"""Claiming: one winner a job, whoever races; cohorts of equal shape, oldest first."""

from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from threading import Barrier

from sqlalchemy import text

from service.db import Database, claims, jobs
from service.domain.errors import MoveRefused
from service.domain.states import JobStatus
from tests.integration.db.record import (
    LEASE_S,
    announced,
    find,
    finish,
    hand_back,
    lapse,
    queue,
    reap,
    running,
    take,
)


def test_a_claimed_job_runs_its_first_attempt_and_leaves_the_outbox(database: Database) -> None:
    job_id, held = running(database)
    job = find(database, job_id)
    assert held == {job_id: 1}
    assert (job.status, job.attempt) == (JobStatus.RUNNING, 1)
    assert job.started_at is not None
    assert announced(database) == set()


def test_a_claim_carries_the_spec(database: Database) -> None:
    job_id = queue(database, seed=7)
    with database.writing() as session:
        (one,) = claims.claim(session, job_id, worker_id="wrk_1", limit=1, lease_s=LEASE_S)
    assert one.spec == find(database, job_id).spec


def test_a_job_that_is_not_queued_is_not_claimed(database: Database) -> None:
    taken, held = running(database)
    assert take(database, taken) == {}
    finish(database, held)
    assert take(database, taken) == {}
    assert take(database, "job_unknown") == {}


def test_claiming_a_taken_job_takes_no_mates_either(database: Database) -> None:
    taken, _ = running(database)
    waiting = queue(database)
    assert take(database, taken, limit=10) == {}
    assert find(database, waiting).status is JobStatus.QUEUED


def test_a_cohort_holds_the_named_job_and_the_oldest_of_its_key(database: Database) -> None:
    made = [queue(database, seed=seed) for seed in range(5)]
    assert list(take(database, made[3], limit=3)) == [made[0], made[1], made[3]]


def test_a_cohort_has_one_key(database: Database) -> None:
    first, other, mate = queue(database), queue(database, batch_size=3), queue(database, seed=1)
    assert list(take(database, first, limit=10)) == [first, mate]
    assert find(database, other).status is JobStatus.QUEUED


def test_a_second_attempt_keeps_the_time_of_the_first_start(database: Database) -> None:
    job_id, held = running(database)
    started = find(database, job_id).started_at
    hand_back(database, held)
    assert take(database, job_id) == {job_id: 2}
    assert find(database, job_id).started_at == started


def test_a_job_that_lost_a_worker_is_claimed_apart_from_others(database: Database) -> None:
    suspect, _ = running(database)
    lapse(database, suspect)
    reap(database)
    mate = queue(database)
    assert list(take(database, mate, limit=10)) == [mate]
    assert list(take(database, suspect, limit=10)) == [suspect]


def test_four_threads_win_two_hundred_jobs_once_each(database: Database) -> None:
    made = [queue(database) for _ in range(200)]
    together = Barrier(4)

    def claim_all(_: int) -> list[str]:
        together.wait()
        return [won for job_id in made for won in take(database, job_id)]

    with ThreadPoolExecutor(4) as pool:
        wins = list(chain.from_iterable(pool.map(claim_all, range(4))))
    assert sorted(wins) == sorted(made)


def test_overlapping_cohorts_share_no_job(database: Database) -> None:
    made = [queue(database) for _ in range(100)]
    together = Barrier(4)

    def claim_cohorts(start: int) -> list[str]:
        together.wait()
        order = made[start * 25 :] + made[: start * 25]
        return [won for job_id in order for won in take(database, job_id, limit=8)]

    with ThreadPoolExecutor(4) as pool:
        wins = list(chain.from_iterable(pool.map(claim_cohorts, range(4))))
    assert sorted(wins) == sorted(made)


def test_a_claim_walks_past_a_job_that_is_being_cancelled(postgresql_url: str) -> None:
    # SQLite admits one writer at a time, so there the two cannot meet.
    database = Database(postgresql_url)
    unwanted, mate = queue(database), queue(database)
    with database.writing() as cancelling:
        jobs.cancel(cancelling, unwanted)
        assert take(database, unwanted) == {}
        assert list(take(database, mate, limit=10)) == [mate]
    assert find(database, unwanted).status is JobStatus.CANCELLED
    database.dispose()


def test_cancelling_and_claiming_at_once_leaves_no_job_in_between(database: Database) -> None:
    made = [queue(database) for _ in range(60)]
    together = Barrier(3)

    def claim_cohorts(_: int) -> None:
        together.wait()
        for job_id in made:
            take(database, job_id, limit=4)

    def cancel_all() -> None:
        together.wait()
        for job_id in reversed(made):
            with database.writing() as session:
                try:
                    jobs.cancel(session, job_id)
                except MoveRefused:
                    raise AssertionError("nothing here ends a job but cancelling") from None

    with ThreadPoolExecutor(3) as pool:
        claiming = [pool.submit(claim_cohorts, i) for i in range(2)]
        pool.submit(cancel_all).result()
        for one in claiming:
            one.result()
    with database.reading() as session:
        left = session.scalar(
            text(
                "SELECT count(*) FROM jobs WHERE cancel_requested_at IS NULL OR "
                "(status = 'queued') OR (status = 'cancelled') <> (attempt = 0)"
            )
        )
    assert left == 0
