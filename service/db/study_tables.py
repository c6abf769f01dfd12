"""The tables of studies. A change here comes with its migration."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import _ID, _WORD, Base, Owned
from service.domain.access import DEFAULT_OWNER


class StudyRow(Base, Owned):
    """A study: what was asked for, how far it is, and what it found."""

    __tablename__ = "studies"

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    template: Mapped[str] = mapped_column(String(100))
    # As it was when the study began.
    claim: Mapped[str] = mapped_column(Text)
    scale: Mapped[str] = mapped_column(_WORD)
    overrides: Mapped[dict[str, Any]]
    # Those of the scale included, so that a study goes on as it began when presets change.
    options: Mapped[dict[str, Any]]
    owner: Mapped[str] = mapped_column(_ID, default=DEFAULT_OWNER, server_default=DEFAULT_OWNER)
    priority: Mapped[int] = mapped_column(default=0, server_default="0")

    status: Mapped[str] = mapped_column(_WORD)
    reason: Mapped[str | None] = mapped_column(_WORD)
    detail: Mapped[str | None] = mapped_column(Text)
    rounds: Mapped[int] = mapped_column(default=0)
    verdict: Mapped[str | None] = mapped_column(_WORD)
    seeds_needed: Mapped[int | None]
    # Text and not JSON: PostgreSQL would forget the order of fields.
    findings: Mapped[str | None] = mapped_column(Text, deferred=True)

    # Who advances it: the attempt is the fencing token. `failures` counts the attempts since the
    # last round that ended with an error, or with nothing at all.
    attempt: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    lease_expires_at: Mapped[datetime | None]
    due_at: Mapped[datetime]

    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_studies_status", "status", "id"),
        Index("ix_studies_template", "template", "id"),
        Index("ix_studies_verdict", "verdict", "id"),
        Index("ix_studies_owner", "owner", "id"),
    )


class StudySweepRow(Base):
    """A sweep of a study, by the name that the template reads it by."""

    __tablename__ = "study_sweeps"

    study_id: Mapped[str] = mapped_column(
        _ID, ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    sweep_id: Mapped[str] = mapped_column(_ID)
    round: Mapped[int]
