"""All that was measured of a job."""

from collections.abc import Sequence

from sqlalchemy import delete
from sqlalchemy.orm import Session

from service.db.tables import (
    CoarseRollupRow,
    EpochRow,
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
