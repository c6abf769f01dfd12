"""Announcements: due at once, then ever more rarely, as long as the job waits."""

from datetime import datetime

from service.db import Database, outbox
from service.db.tables import OutboxRow
from tests.integration.db.record import announced, queue, take


def due(database: Database, *, limit: int = 100) -> list[str]:
    with database.reading() as session:
        return list(outbox.due(session, limit=limit))


def mark(database: Database, *job_ids: str, republish_s: float = 15.0) -> None:
    with database.writing() as session:
        outbox.mark_announced(session, job_ids, republish_s=republish_s)


def due_at(database: Database, job_id: str) -> datetime:
    with database.reading() as session:
        return session.get_one(OutboxRow, job_id).due_at


def test_a_fresh_job_is_due_at_once(database: Database) -> None:
    job_id = queue(database)
    assert due(database) == [job_id]


def test_the_longest_due_come_first_up_to_the_limit(database: Database) -> None:
    made = [queue(database) for _ in range(3)]
    mark(database, made[0], republish_s=1e-6)
    assert due(database, limit=2) == [made[1], made[2]]


def test_what_was_announced_is_not_due_for_a_while(database: Database) -> None:
    job_id = queue(database)
    mark(database, job_id)
    assert due(database) == []
    assert announced(database) == {job_id}


def test_what_is_not_claimed_falls_due_again(database: Database) -> None:
    job_id = queue(database)
    mark(database, job_id, republish_s=1e-6)
    while not due(database):
        pass


def test_the_wait_doubles_up_to_sixty_four_times(database: Database) -> None:
    job_id = queue(database)
    waits = []
    for _ in range(9):
        before = due_at(database, queue(database))
        mark(database, job_id, republish_s=1000.0)
        waits.append(round((due_at(database, job_id) - before).total_seconds() / 1000))
    assert waits == [1, 2, 4, 8, 16, 32, 64, 64, 64]


def test_a_claimed_job_cannot_be_marked(database: Database) -> None:
    job_id = queue(database)
    take(database, job_id)
    mark(database, job_id)
    assert announced(database) == set()
