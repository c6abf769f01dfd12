"""Moving the bytes of rows into objects and back, for `subgrad artifacts move`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from service.db import artifacts
from service.db.artifact_tables import ArtifactRow
from service.db.artifacts import Namer
from service.db.dataset_tables import DatasetRow
from service.db.tables import WeightsRow
from service.domain.artifacts import Content


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A table of rows with bytes."""

    place: str
    """What the URLs of its objects begin with, and the key follows."""
    key: InstrumentedAttribute[str]
    payload: InstrumentedAttribute[bytes]
    namer: Namer


# Not checkpoints: the next one of the job goes where it belongs, and the last one with the job.
HOLDERS = (
    Holder(
        place="weights",
        key=WeightsRow.job_id,
        payload=WeightsRow.payload,
        namer=ArtifactRow.weights_of,
    ),
    Holder(
        place="datasets",
        key=DatasetRow.id,
        payload=DatasetRow.content,
        namer=ArtifactRow.dataset_id,
    ),
)


def keys(
    session: Session, holder: Holder, *, elsewhere: bool, after: str, limit: int
) -> Sequence[str]:
    """The next rows whose bytes lie elsewhere, or do not."""
    is_there = func.length(holder.payload) == 0 if elsewhere else func.length(holder.payload) > 0
    query = select(holder.key).where(is_there, holder.key > after)
    return session.scalars(query.order_by(holder.key).limit(limit)).all()


def read(session: Session, holder: Holder, key: str) -> Content | None:
    """What the row has; None: it has gone meanwhile."""
    query = (
        select(holder.payload.label("payload"), *artifacts.COLUMNS)
        .outerjoin(ArtifactRow, holder.namer == holder.key)
        .where(holder.key == key)
    )
    row: Any = session.execute(query).first()
    return None if row is None else artifacts.content_of(row.payload, row)


def move(session: Session, holder: Holder, key: str, before: Content, after: Content) -> bool:
    """Gives the row the same bytes in another place, if it still has those from before."""
    session.execute(select(holder.key).where(holder.key == key).with_for_update())
    if read(session, holder, key) != before:
        return False
    row = update(holder.key.class_).where(holder.key == key)
    session.execute(row.values({holder.payload.key: artifacts.payload_of(after)}))
    artifacts.name(session, holder.namer, {key: after})
    return True
