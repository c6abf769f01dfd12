"""The tables of uploaded data sets. A change here comes with its migration."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import _ID, _WORD, Base, Owned


class DatasetRow(Base):
    """An uploaded data set: `service.domain.uploads` says what its content is. Of the same content
    there is one; whose it is and what they call it stands in `dataset_owners`."""

    __tablename__ = "datasets"

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    # Not read any more: processes of before there were owners, which still run, write it.
    name: Mapped[str | None] = mapped_column(String(200))
    task: Mapped[str] = mapped_column(_WORD)
    target: Mapped[str] = mapped_column(String(200))
    examples: Mapped[int]
    features: Mapped[int]
    classes: Mapped[int | None]
    stored_bytes: Mapped[int]
    columns: Mapped[list[Any]]
    class_counts: Mapped[list[Any] | None]
    created_at: Mapped[datetime]
    content: Mapped[bytes] = mapped_column(LargeBinary)


class DatasetOwnerRow(Base, Owned):
    """Somebody who uploaded a data set, and what they call it."""

    __tablename__ = "dataset_owners"

    owner: Mapped[str] = mapped_column(_ID, primary_key=True)
    dataset_id: Mapped[str] = mapped_column(
        _ID, ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    name: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_dataset_owners_created", "created_at", "dataset_id"),
        Index("ix_dataset_owners_owner_created", "owner", "created_at", "dataset_id"),
    )


class DatasetUseRow(Base):
    """A job whose spec names an uploaded data set, which cannot be deleted as long."""

    __tablename__ = "dataset_uses"

    job_id: Mapped[str] = mapped_column(
        _ID, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True
    )
    dataset_id: Mapped[str] = mapped_column(_ID, ForeignKey("datasets.id"), index=True)
