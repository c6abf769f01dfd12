"""Many rows at once: by COPY on PostgreSQL, and the same rows as one by one."""

import math

from service.db import Database, metrics
from tests.integration.db.record import epoch, hand_back, record, rows, running, take

MANY = 40
"""More than what is inserted row by row."""


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
