"""The tables about the processes of the service: what they say of themselves. They belong to no
owner."""

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base

_ID = String(40)
_WORD = String(32)


class WorkerRow(Base):
    """A worker process and when it was last heard of."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
    slots: Mapped[int]
    ready: Mapped[bool] = mapped_column(default=False)
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    gpus: Mapped[int] = mapped_column(default=0, server_default="0")


class ReportRow(Base):
    """What a process that serves no HTTP last told of itself, with what it counted as samples of
    Prometheus: the API shows them."""

    __tablename__ = "process_reports"

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    kind: Mapped[str] = mapped_column(_WORD)
    host: Mapped[str] = mapped_column(String(255))
    version: Mapped[str] = mapped_column(_WORD)
    seen_at: Mapped[datetime]
    samples: Mapped[list[Any]]
