"""Whatever is done in whatever order, every job keeps to the table of allowed moves."""

import random
from itertools import pairwise

import pytest

from service.db import Database
from service.domain.errors import MoveRefused
from service.domain.states import ALLOWED_MOVES, RETRIABLE, TERMINAL, JobStatus, Reason
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
    remove,
    retry,
    rows,
    take,
)

STEPS = 60


class Play:
    """A few jobs, workers who remember all that they ever held, and a seeded hand."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database, self.random = database, random.Random(seed)
        self.jobs = [queue(database, batch_size=1 + i % 2) for i in range(4)]
        self.held: list[dict[str, int]] = []

    def any_job(self) -> str:
        return self.random.choice(self.jobs)

    def any_held(self) -> dict[str, int]:
        return self.random.choice(self.held) if self.held else {}

    def step(self) -> None:
        moves = [self.claim, self.cancel, self.finish, self.record, self.hand_back, self.lose]
        more = [self.claim, self.record, self.submit, self.retry, self.remove]
        self.random.choice([*moves, *more])()

    def submit(self) -> None:
        self.jobs.append(queue(self.database))

    def claim(self) -> None:
        if held := take(self.database, self.any_job(), limit=self.random.randint(1, 3)):
            self.held.append(held)

    def cancel(self) -> None:
        job_id = self.any_job()
        ended = find(self.database, job_id).is_terminal
        try:
            cancel(self.database, job_id)
        except MoveRefused:
            assert ended
        else:
            assert not ended

    def retry(self) -> None:
        job_id = self.any_job()
        before = find(self.database, job_id).status
        try:
            retry(self.database, job_id)
        except MoveRefused:
            assert before not in RETRIABLE
        else:
            assert before in RETRIABLE

    def remove(self) -> None:
        job_id = self.any_job()
        ended = find(self.database, job_id).is_terminal
        try:
            remove(self.database, job_id)
        except MoveRefused:
            assert not ended
        else:
            assert ended
            self.jobs.remove(job_id)
            self.submit()

    def finish(self) -> None:
        finish(self.database, self.any_held(), self.random.choice(sorted(TERMINAL)))

    def record(self) -> None:
        held = self.any_held()
        record(self.database, held, *(epoch(i, self.random.randint(0, 3)) for i in held))

    def hand_back(self) -> None:
        hand_back(self.database, self.any_held())

    def lose(self) -> None:
        lapse(self.database, *self.any_held())
        reap(self.database)


def check(database: Database, job_id: str) -> None:
    job, moves = find(database, job_id), history(database, job_id)
    path = [change.status for change in moves]
    assert path[0] is JobStatus.QUEUED
    assert path[-1] is job.status
    assert all(after in ALLOWED_MOVES[before] for before, after in pairwise(path))
    assert sum(status in TERMINAL for status in path[:-1]) == sum(
        change.reason is Reason.RETRIED for change in moves
    )
    assert path.count(JobStatus.RUNNING) == job.attempt
    assert [change.seq for change in moves] == list(range(1, len(moves) + 1))
    assert (job_id in announced(database)) == (job.status is JobStatus.QUEUED)
    assert (job.finished_at is not None) == job.is_terminal
    if job.status is JobStatus.QUEUED:
        assert job.cancel_requested_at is None
    leased = rows(database, "SELECT lease_expires_at FROM jobs WHERE id = :id", id=job_id)
    assert (leased[0][0] is not None) == (job.status is JobStatus.RUNNING)
    found = rows(database, "SELECT DISTINCT attempt FROM epoch_metrics WHERE job_id = :i", i=job_id)
    last = rows(database, "SELECT max(epoch) FROM epoch_metrics WHERE job_id = :i", i=job_id)[0][0]
    if job.is_terminal:
        assert len(found) <= 1, "rows of a dead attempt"
        assert last == (None if job.summary is None else job.summary.epoch)


@pytest.mark.parametrize("seed", range(4))
def test_any_sequence_of_operations_keeps_every_job_in_order(database: Database, seed: int) -> None:
    play = Play(database, seed)
    for number in range(STEPS):
        play.step()
        if number % 12 == 11:  # the histories tell what happened in between
            for job_id in play.jobs:
                check(database, job_id)
