"""Which objects there are outside the database, and which rows name them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, and_, delete, insert, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from service.db.artifact_tables import ArtifactRow
from service.db.types import now, now_plus
from service.domain.artifacts import Artifact, Content

Namer = InstrumentedAttribute[str | None]
"""The column of ArtifactRow that says which row of a table names the object."""

COLUMNS = (ArtifactRow.url, ArtifactRow.size, ArtifactRow.sha256)
"""What `content_of` wants to know besides the payload."""

_TRIED_AGAIN_S = 60.0


class ObjectSwept(Exception):
    """The object was removed before the row that names it was written: it came too late."""


def register(session: Session, made: Iterable[Artifact]) -> None:
    """Notes that these objects are about to be written."""
    rows = [{"url": one.url, "size": one.size, "sha256": one.sha256} for one in made]
    if rows:
        session.execute(insert(ArtifactRow).values(created_at=now()), rows)


def payload_of(content: Content) -> bytes:
    """What stands in the row's own column: nothing where the bytes lie elsewhere."""
    return content if isinstance(content, bytes) else b""


def name(session: Session, namer: Namer, contents: Mapping[str, Content]) -> None:
    """Gives the rows with these keys, which have been written, the objects that they have now, and
    takes away those that they had. Raises ObjectSwept."""
    if not contents:
        return
    had = update(ArtifactRow).where(namer.in_(list(contents)))
    session.execute(had.values({namer.key: None}))
    for key, content in sorted(contents.items()):
        if isinstance(content, bytes):
            continue
        named = (
            update(ArtifactRow)
            .where(ArtifactRow.url == content.url, ArtifactRow.doomed_at.is_(None))
            .values({namer.key: key, "named_at": now()})
            .returning(ArtifactRow.url)
        )
        if session.execute(named).first() is None:
            raise ObjectSwept(content.url)


def content_of(payload: bytes, row: Row[*tuple[Any, ...]]) -> Content:
    """What the row has, of its payload and COLUMNS. Bytes of its own come first: a process of a
    version that knows no objects may have written them since."""
    if payload or row.url is None:
        return payload
    return Artifact(url=row.url, size=row.size, sha256=row.sha256)


def doom_unnamed(session: Session, *, pending_s: float, limit: int) -> Sequence[str]:
    """Marks objects that no row names as to be removed, and returns their URLs: what a row named
    before at once, what none has named after `pending_s`.

    An object that is being named at this moment is locked, and passed over.
    """
    unnamed = and_(
        ArtifactRow.checkpoint_of.is_(None),
        ArtifactRow.weights_of.is_(None),
        ArtifactRow.dataset_id.is_(None),
    )
    at = session.execute(select(now(), now_plus(-pending_s), now_plus(-_TRIED_AGAIN_S))).one()
    present, pending_since, tried_before = at
    found = (
        select(ArtifactRow.url)
        .where(
            unnamed,
            or_(ArtifactRow.named_at.is_not(None), ArtifactRow.created_at <= pending_since),
            # Else another sweep is at it.
            or_(ArtifactRow.doomed_at.is_(None), ArtifactRow.doomed_at <= tried_before),
        )
        # Those whose store does not answer must not be in the way of the others.
        .order_by(ArtifactRow.doomed_at.asc().nulls_first(), ArtifactRow.created_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    urls = session.scalars(found).all()
    if urls:
        doomed = update(ArtifactRow).where(ArtifactRow.url.in_(urls))
        session.execute(doomed.values(doomed_at=present))
    return urls


def forget(session: Session, urls: Sequence[str]) -> None:
    """Forgets objects that have been removed."""
    if urls:
        session.execute(delete(ArtifactRow).where(ArtifactRow.url.in_(urls)))
