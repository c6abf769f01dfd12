"""Removing what is old, some rows at a time."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from service.db.types import now_plus


def remove_older(
    session: Session,
    key: InstrumentedAttribute[str],
    at: InstrumentedAttribute[datetime],
    *,
    after_s: float,
    limit: int,
) -> int:
    """Removes at most `limit` rows whose `at` is longer ago, the oldest first, and returns how many
    those were."""
    old = (
        select(key)
        .where(at < select(now_plus(-after_s)).scalar_subquery())
        .order_by(at)
        .limit(limit)
    )
    # Named one by one: one that is being used again in this moment is waited for and gone.
    gone = session.scalars(old).all()
    session.execute(delete(key.class_).where(key.in_(gone)))
    return len(gone)
