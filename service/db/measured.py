"""All that was measured of a job."""

from collections.abc import Sequence

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from service.db.tables import (
    CoarseRollupRow,
    EpochRow,
    JobRow,
    LayerRow,
    RollupRow,
    UnitRow,
    WeightsRow,
)

_MEASURED = (EpochRow, RollupRow, CoarseRollupRow, LayerRow, UnitRow, WeightsRow)


def forget(session: Session, job_ids: Sequence[str], *, before_attempt: int | None = None) -> None:
    """Removes what was measured of these jobs, or only what attempts before this one measured. The
    caller has locked the jobs, so that nobody is writing more of it."""
    for table in _MEASURED:
        rows = delete(table).where(table.job_id.in_(job_ids))
        if before_attempt is not None:
            rows = rows.where(table.attempt < before_attempt)
        session.execute(rows)


def keep_newest_attempt(session: Session, job_id: str) -> None:
    """Removes what attempts before the last one that measured anything have measured of the job. An
    attempt that ends between its claim and its first epoch takes nothing away. The caller has
    locked the job."""
    newest = (
        select(EpochRow.attempt, func.max(EpochRow.epoch).label("epoch"))
        .where(EpochRow.job_id == job_id)
        .group_by(EpochRow.attempt)
        .order_by(EpochRow.attempt.desc())
        .limit(1)
    )
    if (kept := session.execute(newest).first()) is None:
        return
    forget(session, [job_id], before_attempt=kept.attempt)
    # The claim had set it back, as if nothing were measured.
    session.execute(update(JobRow).where(JobRow.id == job_id).values(last_epoch=kept.epoch))
