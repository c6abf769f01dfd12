"""The tables about who may do what, and who did. They belong to no owner: no key sees them but an
admin's the log."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base

_ID = String(40)


class ApiKeyRow(Base):
    """A key, by the digest of its text. Never deleted: a revoked key still says that keys are
    needed here, and the audit log names it."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    owner: Mapped[str] = mapped_column(_ID)
    prefix: Mapped[str] = mapped_column(String(12))
    digest: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[list[Any]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_api_keys_prefix", "prefix", unique=True),)


class AuditRow(Base):
    """A change: who asked for what, and when. Written in the transaction that makes the change."""

    __tablename__ = "audit_log"

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    at: Mapped[datetime]
    owner: Mapped[str] = mapped_column(_ID)
    key_id: Mapped[str | None] = mapped_column(_ID)
    method: Mapped[str] = mapped_column(String(32))
    path: Mapped[str] = mapped_column(Text)
    resource_id: Mapped[str | None] = mapped_column(_ID)
    request_id: Mapped[str] = mapped_column(String(128))

    __table_args__ = (
        Index("ix_audit_log_at", "at"),
        Index("ix_audit_log_owner", "owner", "id"),
        Index("ix_audit_log_key", "key_id", "id"),
    )
