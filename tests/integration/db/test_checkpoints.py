"""Checkpoints and final weights: kept behind the fence, adopted by the next attempt, and gone when
nobody needs them."""

from service.db import Database, checkpoints, metrics
from service.domain.artifacts import Content
from service.domain.states import JobStatus
from tests.integration.db.record import (
    epoch,
    finish,
    hand_back,
    lapse,
    record,
    retry,
    running,
    take,
)


def keep(database: Database, held: dict[str, int], *saved: tuple[str, int, bytes]) -> None:
    with database.writing() as session:
        checkpoints.keep(session, held, saved)


def kept(database: Database, job_id: str) -> Content | None:
    with database.reading() as session:
        return checkpoints.read(session, [job_id]).get(job_id)


def weights(database: Database, job_id: str) -> Content | None:
    with database.reading() as session:
        return checkpoints.read_weights(session, job_id)


def measured(database: Database, job_id: str) -> list[int]:
    with database.reading() as session:
        epochs: list[int] = metrics.read_epochs(session, job_id)["epoch"]
        return epochs


def test_the_newest_checkpoint_is_kept(database: Database) -> None:
    job_id, held = running(database)
    keep(database, held, (job_id, 1, b"one"), (job_id, 2, b"two"))
    keep(database, held, (job_id, 3, b"three"))
    assert kept(database, job_id) == b"three"


def test_who_lost_the_job_keeps_nothing_of_it(database: Database) -> None:
    job_id, held = running(database)
    lapse(database, job_id)
    keep(database, held, (job_id, 1, b"late"))
    with database.writing() as session:
        checkpoints.keep_weights(session, held, {job_id: b"late"})
    assert kept(database, job_id) is None
    assert weights(database, job_id) is None


def test_the_next_attempt_adopts_what_was_measured_up_to_the_checkpoint(
    database: Database,
) -> None:
    job_id, held = running(database)
    record(database, held, *(epoch(job_id, number) for number in range(5)))
    keep(database, held, (job_id, 2, b"two"))
    hand_back(database, held)
    again = take(database, job_id)
    with database.writing() as session:
        checkpoints.adopt(session, again, {job_id: 2})
    assert measured(database, job_id) == [0, 1, 2]
    record(database, again, epoch(job_id, 3))
    finish(database, again)
    assert measured(database, job_id) == [0, 1, 2, 3]
    assert kept(database, job_id) is None


def test_nobody_adopts_for_a_job_that_is_not_held(database: Database) -> None:
    job_id, held = running(database)
    record(database, held, *(epoch(job_id, number) for number in range(3)))
    lapse(database, job_id)
    with database.writing() as session:
        checkpoints.adopt(session, held, {job_id: 0})
    assert measured(database, job_id) == [0, 1, 2]


def test_a_retried_job_has_no_weights_until_it_ends_again(database: Database) -> None:
    job_id, held = running(database)
    with database.writing() as session:
        checkpoints.keep_weights(session, held, {job_id: b"final"})
    finish(database, held, JobStatus.FAILED)
    assert weights(database, job_id) == b"final"
    retry(database, job_id)
    assert weights(database, job_id) is None
