"""The audit log: who changed what, and when."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from service.db.access_tables import AuditRow
from service.db.aging import remove_older
from service.db.types import now
from service.domain.audit import Change
from service.domain.ids import new_id

_RESOURCE = "changed resource"

_FIELDS = [getattr(AuditRow, name) for name in Change.model_fields]


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who asks for a change, by which request."""

    owner: str
    key_id: str
    method: str
    path: str
    request_id: str


def name_resource(session: Session, resource_id: str) -> None:
    """Says what the session's transaction makes, for the log, where the path cannot."""
    session.info[_RESOURCE] = resource_id


def record(session: Session, actor: Actor) -> None:
    """Writes the change into the log, in the transaction that makes it."""
    record_all(session, [(actor, session.info.get(_RESOURCE))])


def record_all(session: Session, changes: Sequence[tuple[Actor, str | None]]) -> None:
    """The same for several: who made them, and of which resource."""
    rows = [
        {"id": new_id("aud"), "resource_id": resource_id, **vars(actor)}
        for actor, resource_id in changes
    ]
    if rows:
        session.execute(insert(AuditRow).values(at=now()), rows)


def forget(session: Session, *, after_s: float, limit: int) -> int:
    """Removes at most `limit` lines that are older, and returns how many those were."""
    return remove_older(session, AuditRow.id, AuditRow.at, after_s=after_s, limit=limit)


@dataclass(frozen=True, kw_only=True)
class ChangeFilter:
    """Which changes to list; None means any."""

    owner: str | None = None
    key_id: str | None = None


def list_newest_first(
    session: Session, wanted: ChangeFilter, *, before_id: str | None, limit: int
) -> Sequence[Change]:
    """At most `limit` changes before the one with this id, newest first."""
    query = select(*_FIELDS).order_by(AuditRow.id.desc()).limit(limit)
    for name, value in vars(wanted).items():
        if value is not None:
            query = query.where(getattr(AuditRow, name) == value)
    if before_id is not None:
        query = query.where(AuditRow.id < before_id)
    return [Change.model_validate(dict(row._mapping)) for row in session.execute(query)]
