"""Storing, listing, reading and deleting uploaded data sets.

The content of a data set is stored once, under an id made from it. Whose it is stands in
`dataset_owners`: whoever uploaded it sees it, under a name and a time of their own, and cannot find
out whether others did too. It goes with the last of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, delete, exists, func, insert, select, true, tuple_
from sqlalchemy.orm import Session, aliased

from service.db import artifacts
from service.db.artifact_tables import ArtifactRow
from service.db.audit import name_resource
from service.db.dataset_tables import DatasetOwnerRow, DatasetRow, DatasetUseRow
from service.db.engine import EVERY_OWNER
from service.db.tables import JobRow
from service.db.types import now
from service.db.upsert import insert_all_ignoring, insert_ignoring
from service.domain.access import DEFAULT_OWNER
from service.domain.artifacts import Artifact, Content
from service.domain.base import JsonObject
from service.domain.errors import DatasetNotFound, FieldError, MoveRefused, SpecRejected
from service.domain.uploads import UploadedDataset, UploadSummary

_OF_OWNER = ("name", "created_at")


def _fields(model: type[UploadSummary]) -> list[Any]:
    return [
        getattr(DatasetOwnerRow if name in _OF_OWNER else DatasetRow, name)
        for name in model.model_fields
    ]


def _visible(*fields: Any) -> Select[Any]:
    """Data sets with whom the session sees as their first owner: one row a data set."""
    one, other = DatasetOwnerRow, aliased(DatasetOwnerRow)
    is_earlier = tuple_(other.created_at, other.owner) < tuple_(one.created_at, one.owner)
    earlier = exists().where(other.dataset_id == one.dataset_id, is_earlier)
    joined = select(*fields).select_from(DatasetRow).join(one, one.dataset_id == DatasetRow.id)
    return joined.where(~earlier)


def store(
    session: Session,
    row: JsonObject,
    content: Content,
    *,
    owner: str = DEFAULT_OWNER,
    instead_of: Artifact | None = None,
) -> tuple[UploadedDataset, bool]:
    """Stores the data set as the owner's, and returns it and whether it is new to them. `row` has
    all fields of UploadedDataset but the time. `instead_of`: an object that the row may name, and
    that was found lost. Raises ObjectSwept."""
    at = session.scalar(select(now()))
    payload = artifacts.payload_of(content)
    whole = row | {"name": None, "content": payload, "created_at": at}
    locked = select(DatasetRow.id).where(DatasetRow.id == row["id"])
    # Who mends it has it alone: two at once would both name their object.
    is_shared = instead_of is None
    lock = locked.with_for_update(read=is_shared, key_share=is_shared)
    while session.scalar(lock) is None:
        # In the meantime its last owner may delete it.
        insert_ignoring(session, DatasetRow, whole)
    # No bytes anywhere: the row was made just now. Else somebody's were first, who had the same.
    if not payload and read_content(session, row["id"]) in (b"", instead_of):
        artifacts.name(session, ArtifactRow.dataset_id, {row["id"]: content})
    own = {"owner": owner, "dataset_id": row["id"], "name": row["name"], "created_at": at}
    is_new = insert_ignoring(session, DatasetOwnerRow, own)
    name_resource(session, row["id"])
    return find(session, row["id"]), is_new


def find(session: Session, dataset_id: str) -> UploadedDataset:
    """The data set with this id. Raises DatasetNotFound."""
    wanted = _visible(*_fields(UploadedDataset)).where(DatasetRow.id == dataset_id)
    row = session.execute(wanted).first()
    if row is None:
        raise DatasetNotFound(dataset_id)
    return UploadedDataset.model_validate(dict(row._mapping))


def find_sizes(session: Session, dataset_id: str) -> JsonObject | None:
    """What a spec declares of the data set; None where there is none."""
    sizes = _visible(DatasetRow.examples, DatasetRow.features, DatasetRow.classes)
    row = session.execute(sizes.where(DatasetRow.id == dataset_id)).first()
    return None if row is None else dict(row._mapping)


def read_content(session: Session, dataset_id: str) -> Content:
    """The data themselves, as `service.domain.uploads` packs them; for workers, who train for
    everybody. Raises DatasetNotFound."""
    query = (
        select(DatasetRow.content, *artifacts.COLUMNS)
        .outerjoin(ArtifactRow, ArtifactRow.dataset_id == DatasetRow.id)
        .where(DatasetRow.id == dataset_id)
    )
    row = session.execute(query).first()
    if row is None:
        raise DatasetNotFound(dataset_id)
    return artifacts.content_of(row.content, row)


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
        getattr(DatasetOwnerRow if field in _OF_OWNER else DatasetRow, field) == value
        for field, value in vars(wanted).items()
        if value is not None
    ]
    place = tuple_(DatasetOwnerRow.created_at, DatasetOwnerRow.dataset_id)
    if before_id is not None:
        stood = _visible(DatasetOwnerRow.created_at).where(DatasetRow.id == before_id)
        before = session.scalar(stood)
        if before is None:
            raise DatasetNotFound(before_id)
        conditions.append(place < (before, before_id))
    query = _visible(*_fields(UploadSummary)).where(and_(true(), *conditions))
    newest = DatasetOwnerRow.created_at.desc(), DatasetOwnerRow.dataset_id.desc()
    found = session.execute(query.order_by(*newest).limit(limit))
    return [UploadSummary.model_validate(dict(row._mapping)) for row in found]


def note_uses(session: Session, uses: Iterable[tuple[str, str]], *, owner: str) -> None:
    """Remembers which jobs (first) of the owner use which data sets (second), in the transaction
    that stores the jobs. Raises SpecRejected where a data set was deleted meanwhile."""
    rows = [{"job_id": job_id, "dataset_id": dataset_id} for job_id, dataset_id in uses]
    if not rows:
        return
    wanted = {row["dataset_id"] for row in rows}
    # Locked, so that nobody deletes one before the jobs are there.
    locked = select(DatasetRow.id).where(DatasetRow.id.in_(wanted)).order_by(DatasetRow.id)
    session.execute(locked.with_for_update(read=True, key_share=True)).all()
    there = set(session.scalars(_visible(DatasetRow.id).where(DatasetRow.id.in_(wanted))))
    for gone in sorted(wanted - there):
        detail = f"the data set {gone} has just been deleted"
        raise SpecRejected([FieldError(pointer="/dataset/dataset_id", detail=detail)])
    session.execute(insert(DatasetUseRow), rows)
    # Whoever reads a job must be able to find its data: an admin, who may use anybody's, has a
    # share in it from now on. For its owners nothing changes.
    at = session.scalar(select(now()))
    shares = [{"owner": owner, "dataset_id": one, "created_at": at} for one in sorted(wanted)]
    insert_all_ignoring(session, DatasetOwnerRow, shares)


def adopt(session: Session) -> None:
    """Gives the default owner what has none: uploads through a process of version 0.1.0, which
    knows no owners, while both versions run. To go with the version after the next."""
    owned = exists().where(DatasetOwnerRow.dataset_id == DatasetRow.id)
    orphans = select(DatasetRow.id, DatasetRow.name, DatasetRow.created_at).where(~owned)
    rows = [
        {
            "owner": DEFAULT_OWNER,
            "dataset_id": one.id,
            "name": one.name,
            "created_at": one.created_at,
        }
        for one in session.execute(orphans)
    ]
    insert_all_ignoring(session, DatasetOwnerRow, rows)


def remove(session: Session, dataset_id: str) -> None:
    """Deletes the data set: for its owner, and with the last one altogether. Raises
    DatasetNotFound, and MoveRefused where a job uses it."""
    session.execute(select(DatasetRow.id).where(DatasetRow.id == dataset_id).with_for_update())
    mine = delete(DatasetOwnerRow).where(DatasetOwnerRow.dataset_id == dataset_id)
    if not session.scalars(mine.returning(DatasetOwnerRow.owner)).all():
        raise DatasetNotFound(dataset_id)
    # Of the jobs that the session sees, that is.
    uses = (
        select(func.count(), func.min(JobRow.id))
        .join(DatasetUseRow, DatasetUseRow.job_id == JobRow.id)
        .where(DatasetUseRow.dataset_id == dataset_id)
    )
    count, some = session.execute(uses).one()
    if count:
        raise MoveRefused(
            f"{count:,} jobs use this data set, {some} for one. Delete them first: whoever reads "
            "a job must be able to find its data."
        )
    left = select(DatasetOwnerRow.owner).where(DatasetOwnerRow.dataset_id == dataset_id).limit(1)
    if session.scalar(left, execution_options=EVERY_OWNER) is None:
        session.execute(delete(DatasetRow).where(DatasetRow.id == dataset_id))
