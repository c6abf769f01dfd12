"""What a transaction tells of what it changed: all of it, when it is committed, and no more."""

from collections.abc import Callable

import pytest

from service.db import Database, checkpoints, jobs, outbox, sweeps
from service.db.changes import Changed
from service.db.posting import NewJob
from service.domain.ids import new_id
from tests.integration.db.record import (
    cancel,
    epoch,
    find,
    finish,
    hand_back,
    lapse,
    members,
    queue,
    queue_sweep,
    reap,
    record,
    remove,
    retry,
    running,
    take,
)
from tests.specs import job_spec

Told = list[Changed]


@pytest.fixture
def told(database: Database) -> Told:
    """What the database has told, one after another."""
    heard: Told = []
    database.on_changed = heard.append
    return heard


def _moved(told: Told) -> set[str]:
    return {one for changed in told for one in changed.moved}


def _measured(told: Told) -> set[str]:
    return {one for changed in told for one in changed.measured}


@pytest.fixture
def member(database: Database) -> tuple[str, str]:
    """A queued job and its sweep."""
    sweep_id = queue_sweep(database, {"seed": {"range": 2}})
    return members(database, sweep_id)[0], sweep_id


def test_every_move_of_a_job_is_told_with_its_sweep(
    database: Database, told: Told, member: tuple[str, str]
) -> None:
    job_id, sweep_id = member

    def moves(act: Callable[[], object]) -> None:
        told.clear()
        act()
        assert _moved(told) == {job_id, sweep_id}

    moves(lambda: take(database, job_id))
    moves(lambda: hand_back(database, {job_id: 1}))
    moves(lambda: take(database, job_id))
    lapse(database, job_id)
    moves(lambda: reap(database))
    moves(lambda: cancel(database, job_id))
    moves(lambda: retry(database, job_id))
    held: dict[str, int] = {}
    moves(lambda: held.update(take(database, job_id)))
    moves(lambda: finish(database, held))


def test_epochs_are_told_as_measurements(
    database: Database, told: Told, member: tuple[str, str]
) -> None:
    job_id, sweep_id = member
    held = take(database, job_id)
    told.clear()
    record(database, held, epoch(job_id, 0), epoch(job_id, 1))
    assert (len(told), _moved(told), _measured(told)) == (1, set(), {job_id, sweep_id})


def test_of_epochs_that_are_not_written_nothing_is_told(database: Database, told: Told) -> None:
    job_id, held = running(database)
    finish(database, held)
    told.clear()
    assert record(database, held, epoch(job_id, 0)) == set()
    assert told == []


def test_going_on_from_a_checkpoint_is_told(
    database: Database, told: Told, member: tuple[str, str]
) -> None:
    job_id, sweep_id = member
    held = take(database, job_id)
    record(database, held, epoch(job_id, 0), epoch(job_id, 1))
    hand_back(database, held)
    held = take(database, job_id)
    told.clear()
    with database.writing() as session:
        checkpoints.adopt(session, held, {job_id: 1})
    assert find(database, job_id).summary is not None
    assert _measured(told) == {job_id, sweep_id}


def test_cancelling_a_sweep_tells_of_it_and_of_all_its_members(
    database: Database, told: Told, member: tuple[str, str]
) -> None:
    _, sweep_id = member
    with database.writing() as session:
        sweeps.cancel(session, sweep_id)
    assert _moved(told) == {sweep_id, *members(database, sweep_id)}


def test_a_member_that_is_deleted_is_told_of_to_its_sweep(
    database: Database, told: Told, member: tuple[str, str]
) -> None:
    job_id, sweep_id = member
    cancel(database, job_id)
    told.clear()
    remove(database, job_id)
    assert _moved(told) == {sweep_id}


def test_the_relay_is_told_whenever_jobs_wait_for_being_announced(
    database: Database, told: Told
) -> None:
    def is_told(act: Callable[[], object]) -> bool:
        told.clear()
        act()
        return any(one.queued for one in told)

    def post(owner: str) -> None:
        new = NewJob(id=new_id("job"), spec=job_spec(), warnings=[])
        database.store_together([database.submission(new, owner=owner)])

    def announce_again() -> None:
        with database.writing() as session:
            outbox.make_due(session, job_id)

    assert is_told(lambda: post("lab"))
    assert is_told(lambda: queue_sweep(database, {"seed": {"range": 2}}))
    assert is_told(lambda: queue(database))
    job_id = queue(database)
    assert is_told(announce_again)
    held: dict[str, int] = {}
    assert not is_told(lambda: held.update(take(database, job_id)))
    assert is_told(lambda: hand_back(database, held))
    held = take(database, job_id)
    lapse(database, job_id)
    assert is_told(lambda: reap(database))
    assert not is_told(lambda: cancel(database, job_id))
    assert is_told(lambda: retry(database, job_id))
    held = take(database, job_id)
    assert not is_told(lambda: record(database, held, epoch(job_id, 0)))
    assert not is_told(lambda: finish(database, held))


def test_a_job_of_no_sweep_is_told_alone(database: Database, told: Told) -> None:
    job_id, held = running(database)
    record(database, held, epoch(job_id, 0))
    assert (_moved(told), _measured(told)) == ({job_id}, {job_id})


def test_it_is_told_when_it_can_be_read(database: Database) -> None:
    job_id = queue(database)
    found: list[str] = []
    database.on_changed = lambda _: found.append(find(database, job_id).status)
    cancel(database, job_id)
    assert found == ["cancelled"]


def test_what_was_rolled_back_is_not_told(database: Database, told: Told) -> None:
    job_id = queue(database)
    told.clear()

    def fail_after_cancelling() -> None:
        with database.writing() as session:
            jobs.cancel(session, job_id)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_cancelling()
    assert told == []
    assert find(database, job_id).status == "queued"
