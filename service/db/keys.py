"""API keys: making, finding, rotating and revoking them."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from service.db.access_tables import ApiKeyRow
from service.db.types import now, now_once, now_plus
from service.domain.access import ApiKey, Scope, digest, is_token_of, mint_token, prefix_of
from service.domain.errors import KeyNotFound, KeyRefused, MoveRefused
from service.domain.ids import new_id

_FIELDS = [getattr(ApiKeyRow, name) for name in ApiKey.model_fields]

_USE_NOTED_EVERY_S = 60.0
"""So that reading does not write: `last_used_at` is true to the minute."""


def create(
    session: Session,
    *,
    name: str,
    scopes: Iterable[Scope],
    owner: str | None = None,
    expires_s: float | None = None,
) -> tuple[ApiKey, str]:
    """Makes a key and returns it with its text, which nobody can find out again. Without an owner
    it is its own: nobody else sees what it makes."""
    key_id = new_id("key")
    token, prefix = mint_token()
    session.execute(
        insert(ApiKeyRow).values(
            id=key_id,
            name=name,
            owner=owner or key_id,
            prefix=prefix,
            digest=digest(token),
            scopes=sorted({str(scope) for scope in scopes}),
            created_at=now(),
            expires_at=None if expires_s is None else now_plus(expires_s),
        )
    )
    return find(session, key_id), token


def find(session: Session, key_id: str) -> ApiKey:
    """The key with this id. Raises KeyNotFound."""
    row = session.execute(select(*_FIELDS).where(ApiKeyRow.id == key_id)).first()
    if row is None:
        raise KeyNotFound(key_id)
    return ApiKey.model_validate(dict(row._mapping))


def list_all(session: Session) -> list[ApiKey]:
    """Every key that was ever made, oldest first."""
    rows = session.execute(select(*_FIELDS).order_by(ApiKeyRow.id))
    return [ApiKey.model_validate(dict(row._mapping)) for row in rows]


def any_exist(session: Session) -> bool:
    """Whether a key was ever made here, revoked ones included."""
    return session.scalar(select(ApiKeyRow.id).limit(1)) is not None


def authenticate(session: Session, token: str) -> tuple[ApiKey, bool]:
    """The key whose text this is, and whether its use is to be noted. Raises KeyRefused."""
    prefix = prefix_of(token)
    if prefix is None:
        raise KeyRefused("This is no key of this service: keys begin with sgk_.")
    query = select(ApiKeyRow, now_once().label("now")).where(ApiKeyRow.prefix == prefix)
    found = session.execute(query).first()
    if not is_token_of(token, found and found.ApiKeyRow.digest) or found is None:
        raise KeyRefused("There is no such key.")
    row, at = found.ApiKeyRow, found.now
    _check_usable(row, at)
    key = ApiKey(**{field: getattr(row, field) for field in ApiKey.model_fields})
    used = row.last_used_at
    return key, used is None or (at - used).total_seconds() > _USE_NOTED_EVERY_S


def is_usable(session: Session, key_id: str) -> bool:
    """Whether the key is neither revoked nor expired."""
    found = session.execute(select(ApiKeyRow, now_once()).where(ApiKeyRow.id == key_id)).first()
    try:
        if found is not None:
            _check_usable(*found)
    except KeyRefused:
        return False
    return found is not None


def _check_usable(row: ApiKeyRow, at: datetime) -> None:
    if row.revoked_at is not None:
        raise KeyRefused("This key was revoked.")
    if row.expires_at is not None and row.expires_at <= at:
        raise KeyRefused("This key has expired. Whoever runs the service can rotate it.")


def note_use(session: Session, key_id: str) -> None:
    """Notes that the key was used now."""
    session.execute(update(ApiKeyRow).where(ApiKeyRow.id == key_id).values(last_used_at=now()))


def rotate(
    session: Session, key_id: str, *, overlap_s: float, expires_s: float | None = None
) -> tuple[ApiKey, str]:
    """Makes a key with the same name, owner and scopes; the old one works for `overlap_s` more
    seconds, or until it would have expired anyway. Raises KeyNotFound, and MoveRefused for a
    revoked one."""
    row = session.scalar(select(ApiKeyRow).where(ApiKeyRow.id == key_id).with_for_update())
    if row is None:
        raise KeyNotFound(key_id)
    if row.revoked_at is not None:
        raise MoveRefused("A revoked key cannot be rotated: create a new one.")
    made = create(session, name=row.name, scopes=row.scopes, owner=row.owner, expires_s=expires_s)
    end = session.scalar(select(now_plus(overlap_s)))
    if row.expires_at is None or (end is not None and end < row.expires_at):
        row.expires_at = end
    session.flush()
    return made


def revoke(session: Session, key_id: str) -> ApiKey:
    """From now on the key opens nothing. Twice changes nothing. Raises KeyNotFound."""
    session.execute(
        update(ApiKeyRow)
        .where(ApiKeyRow.id == key_id, ApiKeyRow.revoked_at.is_(None))
        .values(revoked_at=now())
    )
    return find(session, key_id)
