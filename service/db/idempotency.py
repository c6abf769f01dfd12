"""Idempotency-Keys: the same key with the same body makes one resource."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service.db.aging import remove_older
from service.db.tables import IdempotencyRow
from service.db.types import now
from service.db.upsert import insert_ignoring
from service.domain.access import DEFAULT_OWNER, digest
from service.domain.errors import IdempotencyConflict


def claim_key(
    session: Session, key: str, fingerprint: str, resource_id: str, *, owner: str
) -> str | None:
    """Takes the owner's key for a new job or sweep, or returns the id of the one that has it.

    Raises IdempotencyConflict where it was made with another body.
    """
    stored = key if owner == DEFAULT_OWNER else digest(f"{owner} {key}")
    row = {"owner": owner, "key": stored, "fingerprint": fingerprint, "resource_id": resource_id}
    if insert_ignoring(session, IdempotencyRow, row | {"created_at": now()}):
        return None
    made = session.scalar(
        select(IdempotencyRow).where(IdempotencyRow.key == stored, IdempotencyRow.owner == owner)
    )
    if made is None or made.fingerprint != fingerprint:
        raise IdempotencyConflict(key)
    return made.resource_id


def forget_old_keys(session: Session, *, after_s: float, limit: int) -> int:
    """Removes at most `limit` Idempotency-Keys that are older, and returns how many those were."""
    made_at = IdempotencyRow.created_at
    return remove_older(session, IdempotencyRow.key, made_at, after_s=after_s, limit=limit)


def forget_keys_of(session: Session, resource_ids: Sequence[str]) -> None:
    """Removes the Idempotency-Keys that made these: none answers with what is gone."""
    theirs = IdempotencyRow.resource_id.in_(resource_ids)
    session.execute(delete(IdempotencyRow).where(theirs))
