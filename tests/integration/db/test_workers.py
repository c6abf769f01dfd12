"""Which workers count as live."""

from sqlalchemy import text

from service.db import Database, workers
from tests.integration.db.record import rows


def register(database: Database, worker_id: str = "wrk_1", *, ready: bool = True) -> None:
    with database.writing() as session:
        worker = workers.Worker(id=worker_id, host="here", pid=1, slots=1)
        workers.report(session, worker, ready=ready)


def silence(database: Database) -> None:
    """Nobody was heard of since 2001."""
    with database.writing() as session:
        session.execute(text("UPDATE workers SET seen_at = '2001-01-01T00:00:00.000Z'"))


def any_ready(database: Database) -> bool:
    with database.reading() as session:
        return workers.any_ready(session, within_s=60)


def test_without_a_worker_none_is_ready(database: Database) -> None:
    assert not any_ready(database)


def test_a_worker_is_not_ready_until_it_says_so(database: Database) -> None:
    register(database, ready=False)
    assert not any_ready(database)
    register(database, ready=True)
    assert any_ready(database)


def test_a_silent_worker_does_not_count(database: Database) -> None:
    register(database)
    silence(database)
    assert not any_ready(database)


def test_a_worker_that_stops_is_forgotten(database: Database) -> None:
    register(database)
    with database.writing() as session:
        workers.remove(session, "wrk_1")
    assert not any_ready(database)


def test_only_silent_workers_are_forgotten(database: Database) -> None:
    register(database, "wrk_old")
    silence(database)
    register(database, "wrk_new")
    with database.writing() as session:
        workers.forget_silent(session, after_s=60)
    assert rows(database, "SELECT id FROM workers") == [("wrk_new",)]


def test_a_forgotten_worker_makes_itself_known_again(database: Database) -> None:
    register(database)
    with database.writing() as session:
        workers.remove(session, "wrk_1")
    assert not any_ready(database)
    register(database)
    assert any_ready(database)
