"""Long series in few points: of each bucket of epochs the last row, and every column's smallest
and largest value.

Small buckets are grouped by SQL. Buckets of a hundred epochs or more are multiples of a hundred, of
a thousand or of ten thousand where that costs little resolution, and come out of the roll-ups: a
million epochs in 500 points are a thousand small rows a quantity.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, func, select
from sqlalchemy.orm import Session

from service.db.metrics import Columns
from service.db.rollups import SIZES, Ends, ends, extremes, joined_extremes, stored
from service.db.tables import EpochRow, LayerRow

_KEYS = ("epoch", "layer", "units")
"""Columns that say where a row belongs: they have no extremes."""


@dataclass(frozen=True, kw_only=True)
class Thinned:
    """A point per bucket of `epochs_per_point` epochs (and layer), all lists equally long."""

    epochs_per_point: int
    columns: Columns
    """The last row of each bucket."""
    minimum: Columns
    maximum: Columns


def thin_epochs(
    session: Session, job_id: str, names: Sequence[str], *, max_points: int
) -> Thinned | None:
    """The job's series in at most `max_points` points. None where it has no more than that."""
    newest = session.scalar(select(func.max(EpochRow.epoch)).where(EpochRow.job_id == job_id))
    if newest is None or newest < max_points:
        return None
    size = _bucket_size(newest, max_points)
    wanted = [name for name in names if name not in _KEYS]
    found: _Found = {}
    rest = 0
    if size >= SIZES[0]:
        found, rest = _from_rollups(session, job_id, wanted, size=size, newest=newest)
    _merge(found, _from_rows(session, EpochRow, job_id, wanted, size=size, first_epoch=rest))
    columns = _last_rows(session, EpochRow, job_id, names, size=size, newest=newest)
    keys = [(0, bucket) for bucket in range(newest // size + 1)]
    return _assemble(size, columns, keys, wanted, found)


def thin_layers(
    session: Session, job_id: str, names: Sequence[str], *, max_points: int
) -> Thinned | None:
    """The series of the hidden layers, each in at most `max_points` points; as `thin_epochs`."""
    newest = session.scalar(select(func.max(LayerRow.epoch)).where(LayerRow.job_id == job_id))
    if newest is None or newest < max_points:
        return None
    size = _bucket_size(newest, max_points)
    wanted = [name for name in names if name not in _KEYS]
    found = _from_rows(session, LayerRow, job_id, wanted, size=size)
    columns = _last_rows(session, LayerRow, job_id, (*names, *_KEYS[:2]), size=size, newest=newest)
    places = zip(columns["layer"], columns["epoch"], strict=True)
    keys = [(layer, epoch // size) for layer, epoch in places]
    return _assemble(size, {name: columns[name] for name in names}, keys, wanted, found)


def _bucket_size(newest: int, max_points: int) -> int:
    size = -(-(newest + 1) // max_points)
    for rolled_up in reversed(SIZES):
        rounded = -(-size // rolled_up) * rolled_up
        if 2 * rounded <= 3 * size:  # two points of three are left at least
            return rounded
    return size if size < SIZES[0] else -(-size // SIZES[0]) * SIZES[0]


_Found = dict[tuple[int, int], dict[str, Ends]]
"""By layer (0 for the whole network) and bucket: the ends of each column that was measured."""


def _assemble(
    size: int,
    columns: Columns,
    keys: Iterable[tuple[int, int]],
    wanted: Sequence[str],
    found: _Found,
) -> Thinned:
    points = [found.get(key, {}) for key in keys]
    pairs = {name: [point.get(name, (None, None)) for point in points] for name in wanted}
    return Thinned(
        epochs_per_point=size,
        columns=columns,
        minimum={name: [low for low, _ in of_name] for name, of_name in pairs.items()},
        maximum={name: [high for _, high in of_name] for name, of_name in pairs.items()},
    )


def _last_rows(
    session: Session, table: Any, job_id: str, names: Sequence[str], *, size: int, newest: int
) -> Columns:
    last = [*range(size - 1, newest, size), newest]
    layers = [table.layer] if table is LayerRow else []
    query = (
        select(*(getattr(table, name) for name in names))
        .where(table.job_id == job_id, table.epoch.in_(last))
        .order_by(table.epoch, *layers)
    )
    rows = session.execute(query).all()
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def _from_rows(
    session: Session,
    table: Any,
    job_id: str,
    wanted: Sequence[str],
    *,
    size: int,
    first_epoch: int = 0,
) -> _Found:
    bucket = table.epoch // size
    places = [table.layer, bucket] if table is LayerRow else [bucket]
    pairs = [extremes(getattr(table, name)) for name in wanted]
    query = (
        select(*places, *(end for pair in pairs for end in pair))
        .where(table.job_id == job_id, table.epoch >= first_epoch)
        .group_by(*places)
    )
    found: _Found = {}
    for row in session.execute(query):
        layer, at = row[:2] if table is LayerRow else (0, row[0])
        values = row[len(places) :]
        both = {name: ends(values[2 * i], values[2 * i + 1]) for i, name in enumerate(wanted)}
        found[layer, int(at)] = {name: pair for name, pair in both.items() if pair is not None}
    return found


def _from_rollups(
    session: Session, job_id: str, wanted: Sequence[str], *, size: int, newest: int
) -> tuple[_Found, int]:
    """What the full buckets of roll-ups tell, coarse ones first, and the first epoch after them.
    `size` is a multiple of the smallest of them."""
    found: _Found = {}
    start = 0
    for rolled_up in reversed(SIZES):
        if size % rolled_up == 0 and _is_whole(session, job_id, rolled_up, newest):
            _merge(found, _from_level(session, job_id, wanted, rolled_up, size=size, start=start))
            start = (newest + 1) // rolled_up * rolled_up
    return found, start


def _is_whole(session: Session, job_id: str, rolled_up: int, newest: int) -> bool:
    """Whether every full bucket was written: what a worker of an earlier version recorded lacks
    the coarse ones, or all of them."""
    table, of_size = stored(rolled_up)
    written = select(func.count()).where(
        table.job_id == job_id, *of_size, table.quantity == "epoch"
    )
    return session.scalar(written) == (newest + 1) // rolled_up


def _from_level(
    session: Session, job_id: str, wanted: Sequence[str], rolled_up: int, *, size: int, start: int
) -> _Found:
    """From the epoch `start` on, in buckets of `size`, both multiples of the roll-ups'."""
    table, of_size = stored(rolled_up)
    bucket = table.bucket // (size // rolled_up)
    query = (
        select(table.quantity, bucket, *joined_extremes(table))
        .where(
            table.job_id == job_id,
            *of_size,
            table.quantity.in_(wanted),
            table.bucket >= start // rolled_up,
        )
        .group_by(table.quantity, bucket)
    )
    counts = {name for name in wanted if isinstance(getattr(EpochRow, name).type, Integer)}
    found: _Found = {}
    for name, at, *values in session.execute(query):
        pair = ends(*values)
        if pair is not None:
            found.setdefault((0, int(at)), {})[name] = _counted(pair) if name in counts else pair
    return found


def _counted(pair: Ends) -> Ends:
    return int(pair[0]), int(pair[1])


def _merge(found: _Found, more: _Found) -> None:
    for key, tail in more.items():
        there = found.setdefault(key, {})
        for name, pair in tail.items():
            there[name] = _join(there[name], pair) if name in there else pair


def _join(one: Ends, other: Ends) -> Ends:
    if one[1] != one[1] or other[1] != other[1]:  # a NaN
        return float("nan"), float("nan")
    return min(one[0], other[0]), max(one[1], other[1])
