"""Many rows at once: by COPY on PostgreSQL, and the same rows as one by one."""

import math
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from service.db import UNAVAILABLE, Database, disk_is_full, metrics
from tests.integration.db.record import epoch, hand_back, record, rows, running, take

MANY = 40
"""More than what is inserted row by row."""


@pytest.fixture
def postgresql(postgresql_url: str) -> Iterator[Database]:
    database = Database(postgresql_url)
    yield database
    database.dispose()


def series(database: Database, job_id: str) -> str:
    """All that is stored of the job, as text that tells NaN from NaN."""
    with database.reading() as session:
        units = metrics.read_units(session, job_id, 0)
        return repr(
            (metrics.read_epochs(session, job_id), metrics.read_layers(session, job_id), units)
        )


def test_many_rows_are_the_same_as_one_by_one(database: Database) -> None:
    values = [math.nan, math.inf, -math.inf, 5e-324, 0.1, -0.0, None]
    events = [(number, {"train_loss": values[number % 7]}) for number in range(MANY)]
    at_once, held = running(database)
    record(database, held, *(epoch(at_once, n, layers=2, **v) for n, v in events))
    one_by_one, held = running(database, seed=1)
    for n, v in events:
        record(database, held, epoch(one_by_one, n, layers=2, **v))
    assert series(database, at_once) == series(database, one_by_one)


def test_writing_them_again_doubles_nothing(database: Database) -> None:
    job_id, held = running(database)
    events = [epoch(job_id, number, train_loss=0.5) for number in range(MANY)]
    record(database, held, *events)
    # What a worker does whose connection broke in the commit; half of it is new.
    record(database, held, *events[MANY // 2 :], *(epoch(job_id, MANY + n) for n in range(MANY)))
    with database.reading() as session:
        stored = metrics.read_epochs(session, job_id)
    assert stored["train_loss"] == [0.5] * MANY + [None] * MANY
    assert rows(database, "SELECT count(*), max(epoch) FROM epoch_metrics") == [
        (2 * MANY, 2 * MANY - 1)
    ]


def test_a_second_attempt_replaces_the_rows_of_the_first(database: Database) -> None:
    job_id, held = running(database)
    record(database, held, *(epoch(job_id, number, train_loss=1.0) for number in range(MANY)))
    hand_back(database, held)
    held = take(database, job_id)
    record(database, held, *(epoch(job_id, number, train_loss=2.0) for number in range(MANY)))
    for table in ("epoch_metrics", "layer_metrics", "unit_activity"):
        found = rows(database, f"SELECT attempt, count(*) FROM {table} GROUP BY attempt")  # noqa: S608
        assert found == [(2, MANY)]
    assert rows(database, "SELECT DISTINCT train_loss FROM epoch_metrics") == [(2.0,)]


def test_a_copy_that_is_cancelled_is_a_database_that_is_away(postgresql: Database) -> None:
    job_id, held = running(postgresql)
    events = [epoch(job_id, number) for number in range(MANY)]

    def write_impatiently() -> None:
        with postgresql.writing() as session:
            session.execute(text("SET LOCAL statement_timeout = '100ms'"))
            metrics.record_epochs(session, held, events)

    with postgresql.writing() as other:
        other.execute(text("LOCK TABLE epoch_metrics IN EXCLUSIVE MODE"))
        with pytest.raises(UNAVAILABLE) as raised:
            write_impatiently()
    assert isinstance(raised.value, OperationalError)
    assert isinstance(raised.value.orig, psycopg.errors.QueryCanceled)
    assert not disk_is_full(raised.value)
    # The connection went back to the pool in order.
    assert record(postgresql, held, *events) == {job_id}
    assert rows(postgresql, "SELECT count(*) FROM epoch_metrics") == [(MANY,)]


def test_a_copy_that_finds_no_room_says_so(
    postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id, held = running(postgresql)

    def refuse(*_: Any) -> None:
        raise psycopg.errors.DiskFull("could not extend file: No space left on device")

    monkeypatch.setattr(psycopg.Copy, "write_row", refuse)
    with pytest.raises(UNAVAILABLE) as raised:
        record(postgresql, held, *(epoch(job_id, number) for number in range(MANY)))
    assert disk_is_full(raised.value)
