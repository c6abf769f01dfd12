"""What was trained here lately, and how long an epoch of it took."""

from dataclasses import dataclass

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from service.db.engine import EVERY_OWNER
from service.db.tables import EpochRow, JobRow
from service.domain.base import JsonObject
from service.domain.states import JobStatus

NEWEST = 512
"""Enough for several whole cohorts."""


@dataclass(frozen=True, kw_only=True)
class FinishedEpoch:
    """The last trained epoch of a job that succeeded."""

    spec: JsonObject
    environment: JsonObject
    seconds: float


def newest_finished(session: Session, *, limit: int = NEWEST) -> list[FinishedEpoch]:
    """The newest succeeded jobs that trained at least one epoch, newest first. Everybody's: how
    fast an installation trains is nobody's secret."""
    last = and_(EpochRow.job_id == JobRow.id, EpochRow.epoch == JobRow.last_epoch)
    newest = (
        select(JobRow.id)
        .where(JobRow.status == JobStatus.SUCCEEDED)
        .order_by(JobRow.id.desc())
        .limit(limit)
        .scalar_subquery()
    )
    query = (
        select(JobRow.spec, JobRow.environment, EpochRow.seconds)
        .join(EpochRow, last)
        .where(
            JobRow.id.in_(newest),
            EpochRow.epoch > 0,
            EpochRow.seconds.is_not(None),
            JobRow.environment.is_not(None),
        )
        .order_by(JobRow.id.desc())
    )
    return [
        FinishedEpoch(spec=spec, environment=environment, seconds=seconds)
        for spec, environment, seconds in session.execute(query, execution_options=EVERY_OWNER)
    ]
