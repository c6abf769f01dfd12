"""The table of objects that are kept outside the database. A change here comes with its
migration."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base

_NAMED_BY_NONE = text("checkpoint_of IS NULL AND weights_of IS NULL AND dataset_id IS NULL")


class ArtifactRow(Base):
    """An object in a store, from before it is written until it is removed.

    It is named by the row of the one table whose key it has; there the bytes are empty. When that
    row goes, whoever removes it, the database itself takes the name away, and the object is swept.
    """

    __tablename__ = "artifacts"

    url: Mapped[str] = mapped_column(String(1024), primary_key=True)
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    # When a row named it; None: it is being written, or whoever wrote it was killed.
    named_at: Mapped[datetime | None]
    # When the sweep last took it up; from the first time on no row can name it.
    doomed_at: Mapped[datetime | None]
    checkpoint_of: Mapped[str | None] = mapped_column(
        ForeignKey("checkpoints.job_id", ondelete="SET NULL"), index=True, unique=True
    )
    weights_of: Mapped[str | None] = mapped_column(
        ForeignKey("weights.job_id", ondelete="SET NULL"), index=True, unique=True
    )
    dataset_id: Mapped[str | None] = mapped_column(
        ForeignKey("datasets.id", ondelete="SET NULL"), index=True, unique=True
    )

    __table_args__ = (
        # The few that the sweep looks at.
        Index(
            "ix_artifacts_unnamed",
            "created_at",
            postgresql_where=_NAMED_BY_NONE,
            sqlite_where=_NAMED_BY_NONE,
        ),
    )
