"""What was measured, in and out of the tables."""

import math
import struct

import pytest

from service.db import Database, metrics
from service.domain.metrics import EPOCH_COLUMNS, LAYER_COLUMNS
from tests.integration.db.record import epoch, find, queue, record, rows, running, take


def test_epochs_come_back_in_order_and_by_column(database: Database) -> None:
    job_id, held = running(database)
    record(database, held, epoch(job_id, 1, train_loss=0.5), epoch(job_id, 0, train_loss=1.5))
    with database.reading() as session:
        columns = metrics.read_epochs(session, job_id)
    assert tuple(columns) == EPOCH_COLUMNS
    assert columns["epoch"] == [0, 1]
    assert columns["train_loss"] == [1.5, 0.5]


def test_layers_come_back_by_epoch_then_layer(database: Database) -> None:
    job_id, held = running(database)
    record(database, held, epoch(job_id, 0, layers=2), epoch(job_id, 1, layers=2))
    with database.reading() as session:
        columns = metrics.read_layers(session, job_id)
    assert tuple(columns) == LAYER_COLUMNS
    assert list(zip(columns["epoch"], columns["layer"], strict=True)) == [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
    ]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 5e-324, 1e308, 0.1, None])
def test_every_measured_value_is_kept(database: Database, value: float | None) -> None:
    job_id, held = running(database)
    record(database, held, epoch(job_id, 0, train_loss=value))
    with database.reading() as session:
        (read,) = metrics.read_epochs(session, job_id)["train_loss"]
    assert repr(read) == repr(value)


def test_not_measured_and_not_a_number_stay_apart_in_the_summary(database: Database) -> None:
    job_id, held = running(database)
    record(database, held, epoch(job_id, 0, train_loss=math.nan, dead_fraction=None))
    summary = find(database, job_id).summary
    assert summary is not None
    assert summary.train_loss is not None
    assert math.isnan(summary.train_loss)
    assert summary.dead_fraction is None


def test_counts_beyond_32_bits_are_kept(database: Database) -> None:
    job_id, held = running(database)
    record(database, held, epoch(job_id, 0, kink_hits=2**40))
    with database.reading() as session:
        assert metrics.read_epochs(session, job_id)["kink_hits"] == [2**40]


def test_a_repeated_write_changes_nothing(database: Database) -> None:
    job_id, held = running(database)
    events = [epoch(job_id, number, layers=2) for number in range(3)]
    record(database, held, *events)
    queries = [
        "SELECT * FROM epoch_metrics ORDER BY epoch",
        "SELECT * FROM layer_metrics ORDER BY epoch, layer",
        "SELECT * FROM jobs",
    ]
    before = [rows(database, query) for query in queries]
    record(database, held, *events)
    record(database, held, events[0])
    assert [rows(database, query) for query in queries] == before


def test_one_batch_may_name_an_epoch_twice(database: Database) -> None:
    job_id, held = running(database)
    record(database, held, epoch(job_id, 0, train_loss=1.0), epoch(job_id, 0, train_loss=2.0))
    assert rows(database, "SELECT epoch, train_loss FROM epoch_metrics") == [(0, 2.0)]


def test_progress_and_summary_follow_the_newest_epoch(database: Database) -> None:
    job_id, held = running(database, epochs=4)
    record(database, held, epoch(job_id, 0), epoch(job_id, 1, train_loss=0.25))
    job = find(database, job_id)
    assert job.progress == 0.25
    assert job.summary is not None
    assert job.summary.train_loss == 0.25


def test_members_of_a_cohort_keep_their_own_rows(database: Database) -> None:
    first, second = queue(database), queue(database)
    held = take(database, first, limit=2)
    record(database, held, epoch(first, 0, train_loss=1.0), epoch(second, 0, train_loss=2.0))
    written = rows(database, "SELECT job_id, train_loss FROM epoch_metrics ORDER BY job_id")
    assert written == [(first, 1.0), (second, 2.0)]


def test_unit_activity_is_kept_byte_by_byte(database: Database) -> None:
    job_id, held = running(database)
    record(database, held, epoch(job_id, 0), epoch(job_id, 1))
    with database.reading() as session:
        units = metrics.read_units(session, job_id, 0)
    assert units.epochs == [0, 1]
    assert units.activity == [struct.pack("<2f", 0, 0), struct.pack("<2f", 0.5, 0)]
    assert units.dead == [b"\x00\x01", b"\x00\x01"]


def test_a_layer_that_is_not_there_has_no_units(database: Database) -> None:
    job_id, held = running(database)
    record(database, held, epoch(job_id, 0))
    with database.reading() as session:
        assert metrics.read_units(session, job_id, 1).epochs == []


def test_a_reader_goes_on_after_the_epoch_that_it_has(database: Database) -> None:
    job_id, held = running(database)
    record(database, held, *(epoch(job_id, number) for number in range(5)))
    with database.reading() as session:
        first = metrics.epochs_after(session, job_id, after_epoch=-1, limit=2)
        rest = metrics.epochs_after(session, job_id, after_epoch=1, limit=100)
    assert [one.epoch for one in first + rest] == [0, 1, 2, 3, 4]
