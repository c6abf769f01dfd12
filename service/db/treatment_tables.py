"""The table of trials of treatments. A change here comes with its migration."""

from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import _ID, Base


class TreatmentRow(Base):
    """The trial of treatments that was started for a job that has ended; of one attempt, because
    a retried job is another patient."""

    __tablename__ = "treatments"

    job_id: Mapped[str] = mapped_column(
        _ID, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True
    )
    attempt: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sweep_id: Mapped[str] = mapped_column(_ID)
    arms: Mapped[list[Any]]
    seeds: Mapped[list[Any]]
