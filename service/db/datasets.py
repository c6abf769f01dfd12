"""Storing, listing, reading and deleting uploaded data sets."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, delete, func, insert, select, true, tuple_
from sqlalchemy.orm import Session

from service.db.tables import DatasetRow, DatasetUseRow
from service.db.types import now
from service.db.upsert import insert_ignoring
from service.domain.base import JsonObject
from service.domain.errors import DatasetNotFound, FieldError, MoveRefused, SpecRejected
from service.domain.uploads import UploadedDataset, UploadSummary

_SUMMARY = [getattr(DatasetRow, name) for name in UploadSummary.model_fields]
_WHOLE = [getattr(DatasetRow, name) for name in UploadedDataset.model_fields]


def store(session: Session, row: JsonObject, content: bytes) -> tuple[UploadedDataset, bool]:
    """Stores the data set, and returns it and whether it is new: of the same content there is
    one. `row` has all fields of UploadedDataset but the time."""
    values = row | {"content": content, "created_at": now()}
    is_new = insert_ignoring(session, DatasetRow, values)
    return find(session, row["id"]), is_new


def find(session: Session, dataset_id: str) -> UploadedDataset:
    """The data set with this id. Raises DatasetNotFound."""
    row = session.execute(select(*_WHOLE).where(DatasetRow.id == dataset_id)).first()
    if row is None:
        raise DatasetNotFound(dataset_id)
    return UploadedDataset.model_validate(dict(row._mapping))


def find_sizes(session: Session, dataset_id: str) -> JsonObject | None:
    """What a spec declares of the data set; None where there is none."""
    sizes = select(DatasetRow.examples, DatasetRow.features, DatasetRow.classes)
    row = session.execute(sizes.where(DatasetRow.id == dataset_id)).first()
    return None if row is None else dict(row._mapping)


def read_content(session: Session, dataset_id: str) -> bytes:
    """The data themselves, as `service.domain.uploads` packs them. Raises DatasetNotFound."""
    content = session.scalar(select(DatasetRow.content).where(DatasetRow.id == dataset_id))
    if content is None:
        raise DatasetNotFound(dataset_id)
    return content


@dataclass(frozen=True, kw_only=True)
class DatasetFilter:
    """Which data sets to list; None means any."""

    name: str | None = None
    task: str | None = None


def list_newest_first(
    session: Session, wanted: DatasetFilter, *, before_id: str | None, limit: int
) -> list[UploadSummary]:
    """At most `limit` data sets that are older than `before_id`. Raises DatasetNotFound where that
    one is gone: when it was stored is not known any more."""
    conditions = [
        getattr(DatasetRow, field) == value
        for field, value in vars(wanted).items()
        if value is not None
    ]
    place = tuple_(DatasetRow.created_at, DatasetRow.id)
    if before_id is not None:
        before = session.scalar(_created_at(before_id))
        if before is None:
            raise DatasetNotFound(before_id)
        conditions.append(place < (before, before_id))
    query = select(*_SUMMARY).where(and_(true(), *conditions))
    query = query.order_by(DatasetRow.created_at.desc(), DatasetRow.id.desc()).limit(limit)
    return [UploadSummary.model_validate(dict(row._mapping)) for row in session.execute(query)]


def _created_at(dataset_id: str) -> Select[Any]:
    return select(DatasetRow.created_at).where(DatasetRow.id == dataset_id)


def note_uses(session: Session, uses: Iterable[tuple[str, str]]) -> None:
    """Remembers which jobs (first) use which data sets (second), in the transaction that stores
    the jobs. Raises SpecRejected where a data set was deleted meanwhile."""
    rows = [{"job_id": job_id, "dataset_id": dataset_id} for job_id, dataset_id in uses]
    if not rows:
        return
    wanted = {row["dataset_id"] for row in rows}
    # Locked, so that nobody deletes one before the jobs are there.
    query = select(DatasetRow.id).where(DatasetRow.id.in_(wanted)).order_by(DatasetRow.id)
    there = set(session.scalars(query.with_for_update(read=True, key_share=True)))
    for gone in sorted(wanted - there):
        detail = f"the data set {gone} has just been deleted"
        raise SpecRejected([FieldError(pointer="/dataset/dataset_id", detail=detail)])
    session.execute(insert(DatasetUseRow), rows)


def remove(session: Session, dataset_id: str) -> None:
    """Deletes the data set. Raises DatasetNotFound, and MoveRefused where a job uses it."""
    locked = select(DatasetRow.id).where(DatasetRow.id == dataset_id).with_for_update()
    if session.scalar(locked) is None:
        raise DatasetNotFound(dataset_id)
    uses = select(DatasetUseRow.job_id).where(DatasetUseRow.dataset_id == dataset_id)
    count = session.scalar(select(func.count()).select_from(uses.subquery())) or 0
    if count:
        some = session.scalar(uses.order_by(DatasetUseRow.job_id).limit(1))
        raise MoveRefused(
            f"{count:,} jobs use this data set, {some} for one. Delete them first: whoever reads "
            "a job must be able to find its data."
        )
    session.execute(delete(DatasetRow).where(DatasetRow.id == dataset_id))
