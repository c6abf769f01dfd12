"""Thinned series against the whole ones, point by point, whatever way they were made."""

import math
import random
from typing import Any

import pytest

from service.db import Database, checkpoints, metrics, thinning
from service.db.thinning import Thinned
from service.domain.events import EpochEvent
from service.domain.metrics import EPOCH_COLUMNS, LAYER_COLUMNS
from tests.integration.db.record import epoch, finish, queue, record, rows, running, take

_VALUES = [0.5, -3.0, 7.25, math.inf, -math.inf, None]


def _series(member: str, count: int, *, nan_at: int = -1, layers: int = 2) -> list[EpochEvent]:
    hand = random.Random(1)
    return [
        epoch(
            member,
            number,
            layers=layers,
            train_loss=math.nan if number == nan_at else hand.choice(_VALUES),
            dead_fraction=hand.random(),
            kink_hits=hand.choice([None, 2**40, 0, 17]),
        )
        for number in range(count)
    ]


def _recorded(database: Database, count: int, *, nan_at: int = -1) -> str:
    job_id, held = running(database, epochs=10_000)
    events = _series(job_id, count, nan_at=nan_at)
    for first in range(0, count, 70):
        record(database, held, *events[first : first + 70])
    return job_id


def _thin(
    database: Database, job_id: str, max_points: int, names: tuple[str, ...] = EPOCH_COLUMNS
) -> Thinned | None:
    with database.reading() as session:
        return thinning.thin_epochs(session, job_id, names, max_points=max_points)


def _whole(database: Database, job_id: str) -> dict[str, list[Any]]:
    with database.reading() as session:
        return metrics.read_epochs(session, job_id)


def _ends(values: list[Any]) -> tuple[Any, Any]:
    known = [value for value in values if value is not None]
    if not known:
        return None, None
    if any(math.isnan(value) for value in known):
        return math.nan, math.nan
    return min(known), max(known)


@pytest.mark.parametrize(
    ("count", "max_points"),
    [(10, 3), (250, 100), (250, 249), (450, 4), (400, 4), (399, 2), (450, 1)],
)
def test_every_point_is_the_last_row_and_the_extremes_of_its_epochs(
    database: Database, count: int, max_points: int
) -> None:
    job_id = _recorded(database, count, nan_at=5)
    thinned, whole = _thin(database, job_id, max_points), _whole(database, job_id)
    assert thinned is not None
    size = thinned.epochs_per_point
    starts = list(range(0, count, size))
    assert len(starts) <= max_points
    assert thinned.columns["epoch"] == [min(start + size, count) - 1 for start in starts]
    _check(thinned, whole, starts)


def _check(thinned: Thinned, whole: dict[str, list[Any]], starts: list[int]) -> None:
    """Point by point against the whole series."""
    size, count = thinned.epochs_per_point, len(whole["epoch"])
    for name in EPOCH_COLUMNS:
        last = [whole[name][min(start + size, count) - 1] for start in starts]
        assert repr(thinned.columns[name]) == repr(last)
        if name == "epoch":
            continue
        expected = [_ends(whole[name][start : start + size]) for start in starts]
        found = list(zip(thinned.minimum[name], thinned.maximum[name], strict=True))
        assert repr(found) == repr(expected), name


def test_points_of_thousands_come_out_of_coarse_roll_ups(database: Database) -> None:
    """The ends of most points stand in roll-ups of 10,000 and 1,000 epochs, the rest in finer ones
    and in the epochs themselves."""
    count = 14_045
    job_id = queue(database, epochs=20_000)
    held = take(database, job_id, lease_s=3600)
    events = _series(job_id, count, nan_at=11_999, layers=0)
    for first in range(0, count, 1000):
        record(database, held, *events[first : first + 1000])
    sizes = "SELECT size, count(*) FROM coarse_rollups WHERE quantity = 'epoch' GROUP BY size"
    assert sorted(rows(database, sizes)) == [(1000, 14), (10_000, 1)]
    whole = _whole(database, job_id)
    for max_points, size in ((1, 20_000), (2, 10_000), (7, 3000), (11, 1300), (100, 200)):
        thinned = _thin(database, job_id, max_points)
        assert thinned is not None
        assert thinned.epochs_per_point == size
        _check(thinned, whole, list(range(0, count, size)))


@pytest.mark.parametrize("count", [0, 1, 7])
def test_a_short_series_is_left_whole(database: Database, count: int) -> None:
    assert _thin(database, _recorded(database, count), 7) is None


def test_only_the_columns_that_were_asked_for_are_read(database: Database) -> None:
    thinned = _thin(database, _recorded(database, 350), 3, ("train_loss",))
    assert thinned is not None
    assert list(thinned.columns) == list(thinned.minimum) == ["train_loss"]


def test_a_series_from_before_roll_ups_is_thinned_the_same(database: Database) -> None:
    job_id = _recorded(database, 450)
    with_rollups = _thin(database, job_id, 4)
    from sqlalchemy import text  # noqa: PLC0415

    with database.writing() as session:
        session.execute(text("DELETE FROM epoch_rollups"))
    assert repr(_thin(database, job_id, 4)) == repr(with_rollups)


def test_a_series_of_a_worker_without_coarse_roll_ups_is_thinned_the_same(
    database: Database,
) -> None:
    job_id = _recorded(database, 2050)
    with_coarse = _thin(database, job_id, 1)
    assert with_coarse is not None
    assert with_coarse.epochs_per_point == 3000
    from sqlalchemy import text  # noqa: PLC0415

    with database.writing() as session:
        session.execute(text("DELETE FROM coarse_rollups WHERE bucket = 0"))
    assert repr(_thin(database, job_id, 1)) == repr(with_coarse)


def test_roll_ups_hold_only_full_buckets_and_measured_quantities(database: Database) -> None:
    job_id = _recorded(database, 399)
    found = rows(
        database,
        "SELECT quantity, count(*), min(bucket), max(bucket) FROM epoch_rollups "
        "WHERE job_id = :id GROUP BY quantity ORDER BY quantity",
        id=job_id,
    )
    measured = ["dead_fraction", "epoch", "kink_hits", "train_loss"]
    assert found == [(name, 3, 0, 2) for name in measured]


def test_a_later_attempt_replaces_roll_ups_and_leaves_none_of_an_earlier(
    database: Database,
) -> None:
    from tests.integration.db.record import hand_back  # noqa: PLC0415

    job_id, held = running(database)
    record(database, held, *_series(job_id, 200))
    hand_back(database, held)
    held = take(database, job_id)
    record(database, held, *(epoch(job_id, n, train_loss=9.0) for n in range(130)))
    finish(database, held)
    query = "SELECT DISTINCT attempt, bucket FROM epoch_rollups WHERE job_id = :id"
    assert rows(database, query, id=job_id) == [(2, 0)]
    query = "SELECT minimum, maximum FROM epoch_rollups WHERE job_id = :id AND quantity = :name"
    assert rows(database, query, id=job_id, name="train_loss") == [(9.0, 9.0)]


def test_an_adopting_attempt_keeps_the_roll_ups_up_to_the_checkpoint(database: Database) -> None:
    from tests.integration.db.record import hand_back  # noqa: PLC0415

    job_id, held = running(database, epochs=2000)
    record(database, held, *_series(job_id, 1200, layers=0))
    hand_back(database, held)
    held = take(database, job_id)
    with database.writing() as session:
        checkpoints.adopt(session, held, {job_id: 1099})
    for table, last in (("epoch_rollups", 10), ("coarse_rollups", 0)):
        query = f"SELECT DISTINCT attempt, bucket FROM {table} WHERE job_id = :id"  # noqa: S608
        found = sorted(rows(database, query, id=job_id))
        assert found == [(2, bucket) for bucket in range(last + 1)]


def test_layers_are_thinned_each(database: Database) -> None:
    job_id, held = running(database)
    values: list[list[float | None]] = [
        [3.0, 1.0],
        [math.nan, 5.0],
        [2.0, None],
        [4.0, None],
        [1.0, 8.0],
    ]
    for number, of_layers in enumerate(values):
        event = epoch(job_id, number, layers=2)
        layers = [
            layer.model_copy(update={"weight_norm": value})
            for layer, value in zip(event.layers, of_layers, strict=True)
        ]
        record(database, held, event.model_copy(update={"layers": layers}))
    with database.reading() as session:
        thinned = thinning.thin_layers(session, job_id, LAYER_COLUMNS, max_points=3)
    assert thinned is not None
    assert thinned.columns["epoch"] == [1, 1, 3, 3, 4, 4]
    assert thinned.columns["layer"] == [0, 1, 0, 1, 0, 1]
    assert repr(thinned.minimum["weight_norm"]) == "[nan, 1.0, 2.0, None, 1.0, 8.0]"
    assert repr(thinned.maximum["weight_norm"]) == "[nan, 5.0, 4.0, None, 1.0, 8.0]"
