"""Smallest and largest values per hundred epochs, kept so that a long series is drawn quickly.

A NaN makes both ends NaN: thinning never hides one. Both databases sort NaN after every number
(SQLite because it is stored as text), so the maximum tells.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Integer, func, select, type_coerce
from sqlalchemy.orm import Session

from service.db.tables import EpochRow, RollupRow
from service.db.types import Measured
from service.db.upsert import insert_or_replace
from service.domain.metrics import EPOCH_COLUMNS

BUCKET = 100
"""Epochs of a roll-up."""


def roll_up(session: Session, held: Mapping[str, int], written: Iterable[tuple[str, int]]) -> None:
    """Writes the roll-ups of the buckets that the written epochs (member, epoch) complete, in the
    transaction that wrote them. An epoch that is written again replaces its bucket."""
    full: dict[int, set[str]] = defaultdict(set)
    for member, epoch in written:
        if epoch % BUCKET == BUCKET - 1:
            full[epoch // BUCKET].add(member)
    for bucket, members in full.items():
        rows = [
            {
                "job_id": job_id,
                "quantity": name,
                "bucket": bucket,
                "attempt": held[job_id],
                "minimum": ends[0],
                "maximum": ends[1],
            }
            for job_id, found in _ends(session, sorted(members), bucket).items()
            for name, ends in found.items()
        ]
        insert_or_replace(session, RollupRow, rows)


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


def _ends(session: Session, members: list[str], bucket: int) -> dict[str, dict[str, Ends]]:
    pairs = [extremes(getattr(EpochRow, name)) for name in EPOCH_COLUMNS]
    query = (
        select(EpochRow.job_id, *(end for pair in pairs for end in pair))
        .where(
            EpochRow.job_id.in_(members),
            EpochRow.epoch >= bucket * BUCKET,
            EpochRow.epoch < (bucket + 1) * BUCKET,
        )
        .group_by(EpochRow.job_id)
    )
    found: dict[str, dict[str, Ends]] = {}
    for job_id, *values in session.execute(query):
        both = {
            name: ends(values[2 * i], values[2 * i + 1]) for i, name in enumerate(EPOCH_COLUMNS)
        }
        found[job_id] = {name: pair for name, pair in both.items() if pair is not None}
    return found
