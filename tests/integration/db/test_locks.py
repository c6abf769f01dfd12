"""Many at once over the same rows of PostgreSQL: nobody waits in a circle.

The server here calls a wait of 200 ms a deadlock where it is one, and one of the two then fails.
"""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier

import pytest
from sqlalchemy import text

from service.db import Database, claims, jobs, outbox
from service.domain.errors import MoveRefused
from service.domain.states import JobStatus
from tests.integration.db.record import (
    LEASE_S,
    cancel,
    epoch,
    find,
    finish,
    hand_back,
    lapse,
    queue,
    reap,
    record,
    take,
)


@pytest.fixture
def database(postgresql_url: str) -> Iterator[Database]:
    """PostgreSQL alone: SQLite admits one writer at a time."""
    database = Database(postgresql_url)
    yield database
    database.dispose()


def at_once(*actions: Callable[[random.Random], object], rounds: int) -> None:
    """Runs each action in a thread of its own, again and again."""
    together = Barrier(len(actions))

    def repeat(seed: int) -> None:
        rng = random.Random(seed)
        together.wait()
        for _ in range(rounds):
            actions[seed](rng)

    with ThreadPoolExecutor(len(actions)) as pool:
        list(pool.map(repeat, range(len(actions))))


def test_writers_over_the_same_cohort_do_not_deadlock(database: Database) -> None:
    made = [queue(database) for _ in range(24)]
    held = take(database, made[0], limit=24)

    def some(rng: random.Random) -> dict[str, int]:
        chosen = rng.sample(made, 12)
        return {job_id: held[job_id] for job_id in chosen}

    def write(rng: random.Random) -> None:
        mine = some(rng)
        record(database, mine, *(epoch(job_id, rng.randint(0, 3)) for job_id in mine))

    def renew(rng: random.Random) -> None:
        with database.writing() as session:
            claims.renew(session, some(rng), lease_s=LEASE_S)

    def ask(rng: random.Random) -> None:
        cancel(database, rng.choice(made))

    at_once(write, write, renew, renew, ask, rounds=25)
    assert finish(database, held) == set(made)


def test_everything_at_once_does_not_deadlock(database: Database) -> None:
    made = [queue(database) for _ in range(40)]
    attempts: dict[str, int] = {}

    def claim(rng: random.Random) -> None:
        attempts.update(take(database, rng.choice(made), limit=10))

    def some(rng: random.Random) -> dict[str, int]:
        return dict(rng.sample(sorted(attempts.items()), min(8, len(attempts))))

    def write(rng: random.Random) -> None:
        mine = some(rng)
        record(database, mine, *(epoch(job_id, 0) for job_id in mine))

    def end(rng: random.Random) -> None:
        finish(database, dict([*some(rng).items()][:1]))

    def stop(rng: random.Random) -> None:
        hand_back(database, some(rng))

    def lose(rng: random.Random) -> None:
        with suppress(IndexError):
            lapse(database, rng.choice(sorted(attempts)))
        reap(database, max_attempts=1000)

    def announce(rng: random.Random) -> None:
        with database.writing() as session:
            due = list(outbox.due(session, limit=100))
            rng.shuffle(due)
            outbox.mark_announced(session, due, republish_s=1e-6)

    def ask(rng: random.Random) -> None:
        if rng.random() < 0.1:
            with suppress(MoveRefused):
                cancel(database, rng.choice(made))

    at_once(claim, claim, write, end, stop, lose, announce, announce, ask, rounds=20)
    states = {find(database, job_id).status for job_id in made}
    assert states <= {*JobStatus} - {JobStatus.FAILED}


def test_a_relay_passes_over_an_announcement_that_is_being_claimed(database: Database) -> None:
    taken, waiting = queue(database), queue(database)
    with database.writing() as claiming:
        claims.claim(claiming, taken, worker_id="wrk_1", limit=1, lease_s=LEASE_S)
        with database.writing() as relaying:
            relaying.execute(text("SET LOCAL lock_timeout = '1s'"))
            outbox.mark_announced(relaying, [taken, waiting], republish_s=LEASE_S)
    with database.reading() as session:
        assert outbox.due(session, limit=10) == []


def test_a_reaper_passes_over_a_job_that_is_being_finished(database: Database) -> None:
    job_id = queue(database)
    held = take(database, job_id)
    with database.writing() as finishing:
        claims.finish(finishing, held, status=JobStatus.SUCCEEDED)
        with database.writing() as reaping:
            reaping.execute(text("SET LOCAL lock_timeout = '1s'"))
            assert claims.give_up_on_silent_workers(reaping, max_attempts=1) == []
    assert find(database, job_id).status is JobStatus.SUCCEEDED


def test_a_cancel_that_waited_for_a_finish_is_refused(database: Database) -> None:
    job_id = queue(database)
    held = take(database, job_id)
    with ThreadPoolExecutor(1) as pool:
        with database.writing() as finishing:
            claims.finish(finishing, held, status=JobStatus.SUCCEEDED)
            cancelling = pool.submit(cancel, database, job_id)
            while not _somebody_waits(database):
                pass
        with pytest.raises(MoveRefused):
            cancelling.result()
    assert find(database, job_id).cancel_requested_at is None


def test_a_cancel_that_waited_for_a_hand_back_finds_the_job_queued(database: Database) -> None:
    job_id = queue(database)
    held = take(database, job_id)
    with ThreadPoolExecutor(1) as pool:
        with database.writing() as stopping:
            claims.hand_back(stopping, held)
            cancelling = pool.submit(cancel, database, job_id)
            while not _somebody_waits(database):
                pass
        assert cancelling.result().status is JobStatus.CANCELLED
    assert take(database, job_id) == {}


def test_a_lease_that_ran_out_while_its_holder_waited_is_lost(database: Database) -> None:
    job_id = queue(database)
    held = take(database, job_id)
    with ThreadPoolExecutor(1) as pool:
        with database.writing() as session:
            session.execute(text("UPDATE jobs SET lease_expires_at = clock_timestamp()"))
            renewing = pool.submit(record, database, held, epoch(job_id, 0))
            while not _somebody_waits(database):
                pass
        assert renewing.result() == set()


def _somebody_waits(database: Database) -> bool:
    query = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with database.reading() as session:
        return bool(session.scalar(query))


def test_submitting_is_not_held_up_by_a_claim(database: Database) -> None:
    taken = queue(database)
    with database.writing() as claiming:
        claims.claim(claiming, taken, worker_id="wrk_1", limit=10, lease_s=LEASE_S)
        with database.writing() as submitting:
            submitting.execute(text("SET LOCAL lock_timeout = '1s'"))
            made = jobs.submit(submitting, find(database, taken).spec, [])
    assert made.status is JobStatus.QUEUED
