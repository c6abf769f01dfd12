"""Smallest and largest values of every 100, 1,000 and 10,000 epochs, kept so that a long series is
drawn quickly.

A NaN makes both ends NaN: thinning never hides one. Both databases sort NaN after every number
(SQLite because it is stored as text), so the maximum tells.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Integer, func, select, type_coerce
from sqlalchemy.orm import Session

from service.db.tables import CoarseRollupRow, EpochRow, RollupRow
from service.db.types import Measured
from service.db.upsert import insert_or_replace
from service.domain.metrics import EPOCH_COLUMNS

SIZES = (100, 1_000, 10_000)
"""Epochs of a roll-up, each a multiple of the one before: the first are made of epochs, the others
of those before them."""


def roll_up(session: Session, held: Mapping[str, int], written: Iterable[tuple[str, int]]) -> None:
    """Writes the roll-ups of the buckets that the written epochs (member, epoch) complete, in the
    transaction that wrote them. An epoch that is written again replaces its bucket."""
    ended = [(member, epoch + 1) for member, epoch in written if (epoch + 1) % SIZES[0] == 0]
    for level, size in enumerate(SIZES):
        full: dict[int, list[str]] = defaultdict(list)
        for member, end in ended:
            if end % size == 0:
                full[end // size - 1].append(member)
        table, _ = stored(size)
        key = {} if table is RollupRow else {"size": size}
        for bucket, members in sorted(full.items()):
            rows = [
                key
                | {
                    "job_id": job_id,
                    "quantity": name,
                    "bucket": bucket,
                    "attempt": held[job_id],
                    "minimum": ends[0],
                    "maximum": ends[1],
                }
                for job_id, name, ends in _ends(session, sorted(set(members)), level, bucket)
            ]
            insert_or_replace(session, table, rows)


Ends = tuple[float, float]
"""Smallest and largest value; NaN both where one of the values is NaN."""


def ends(low: float | None, high: float | None) -> Ends | None:
    """What SQL's min and max say of values among which NaN sorts last; None of no values."""
    if low is None or high is None:
        return None
    return (high, high) if math.isnan(high) else (low, high)


def extremes(column: Any) -> tuple[Any, Any]:
    """SQL for the two. Counts are read as numbers too, so that roll-ups hold both alike."""
    if isinstance(column.type, Integer):
        return func.min(column), func.max(column)
    return (
        type_coerce(func.min(column), Measured()),
        type_coerce(func.max(column), Measured()),
    )


def stored(size: int) -> tuple[Any, Sequence[Any]]:
    """The table that holds roll-ups of that size, and what else chooses them."""
    if size == SIZES[0]:
        return RollupRow, ()
    return CoarseRollupRow, (CoarseRollupRow.size == size,)


def joined_extremes(table: Any) -> tuple[Any, Any]:
    """SQL for the two over roll-ups."""
    return extremes(table.minimum)[0], extremes(table.maximum)[1]


def _ends(
    session: Session, members: list[str], level: int, bucket: int
) -> Iterator[tuple[str, str, Ends]]:
    """Job, quantity and ends of what was measured in a bucket of that level."""
    if level == 0:
        yield from _ends_of_epochs(session, members, bucket)
        return
    finer = SIZES[level - 1]
    parts = SIZES[level] // finer
    table, of_size = stored(finer)
    query = (
        select(table.job_id, table.quantity, *joined_extremes(table))
        .where(
            table.job_id.in_(members),
            *of_size,
            table.quantity.in_(EPOCH_COLUMNS),  # so that the key leads to the buckets
            table.bucket >= bucket * parts,
            table.bucket < (bucket + 1) * parts,
        )
        .group_by(table.job_id, table.quantity)
    )
    for job_id, name, *values in session.execute(query):
        if (pair := ends(*values)) is not None:
            yield job_id, name, pair


def _ends_of_epochs(
    session: Session, members: list[str], bucket: int
) -> Iterator[tuple[str, str, Ends]]:
    size = SIZES[0]
    pairs = [extremes(getattr(EpochRow, name)) for name in EPOCH_COLUMNS]
    query = (
        select(EpochRow.job_id, *(end for pair in pairs for end in pair))
        .where(
            EpochRow.job_id.in_(members),
            EpochRow.epoch >= bucket * size,
            EpochRow.epoch < (bucket + 1) * size,
        )
        .group_by(EpochRow.job_id)
    )
    for job_id, *values in session.execute(query):
        for i, name in enumerate(EPOCH_COLUMNS):
            if (pair := ends(values[2 * i], values[2 * i + 1])) is not None:
                yield job_id, name, pair
