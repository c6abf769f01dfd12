"""Removing jobs that have had their time: for `subgrad prune`."""

from collections import Counter
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Select, delete, exists, func, select
from sqlalchemy.orm import Session

from service.db.idempotency import forget_keys_of
from service.db.measured import forget
from service.db.tables import JobRow, SweepRow
from service.db.treatment_tables import TreatmentRow
from service.db.types import now_plus
from service.domain.ids import first_id
from service.domain.states import TERMINAL, JobStatus


def count_old(
    session: Session, *, older_than_s: float, statuses: Collection[JobStatus] = TERMINAL
) -> dict[JobStatus, int]:
    """How many jobs `remove_old` would remove in all, by state."""
    old = _old(_moment(session, older_than_s), statuses).with_only_columns(
        JobRow.status, func.count()
    )
    return {JobStatus(s): n for s, n in session.execute(old.group_by(JobRow.status))}


def remove_old(
    session: Session,
    *,
    older_than_s: float,
    statuses: Collection[JobStatus] = TERMINAL,
    limit: int,
) -> dict[JobStatus, int]:
    """Removes the oldest jobs that ended so long ago, at most `limit`, with everything of them.
    Returns how many, by state; none: there are no more.

    What a study or the trial of a patient that is still there uses is kept.
    """
    old = _old(_moment(session, older_than_s), statuses).order_by(JobRow.id).limit(limit)
    # Locked: a job that is being retried at this moment is passed over.
    found = session.execute(old.with_for_update(skip_locked=True)).all()
    ids = [row.id for row in found]
    forget_keys_of(session, ids)
    forget(session, ids)
    session.execute(delete(JobRow).where(JobRow.id.in_(ids)))
    return dict(Counter(JobStatus(row.status) for row in found))


def remove_empty_sweeps(session: Session, *, older_than_s: float, limit: int) -> int:
    """Removes at most `limit` sweeps posted so long ago of which no member is left, but for those
    of studies. Returns how many."""
    member = exists().where(JobRow.sweep_id == SweepRow.id)
    empty = (
        select(SweepRow.id)
        .where(
            SweepRow.id < first_id("swp", _moment(session, older_than_s)),
            SweepRow.study_id.is_(None),
            ~member,
        )
        .order_by(SweepRow.id)
        .limit(limit)
    )
    ids = session.scalars(empty).all()
    forget_keys_of(session, ids)
    session.execute(delete(SweepRow).where(SweepRow.id.in_(ids)))
    return len(ids)


def _moment(session: Session, older_than_s: float) -> datetime:
    moment: datetime = session.execute(select(now_plus(-older_than_s))).scalar_one()
    return moment


def _old(before: datetime, statuses: Collection[JobStatus]) -> Select[str, str]:
    tried = exists().where(TreatmentRow.sweep_id == JobRow.sweep_id)
    return select(JobRow.id, JobRow.status).where(
        JobRow.status.in_(sorted(set(statuses) & TERMINAL)),
        # What ended before was posted before: the index on state and id finds these alone.
        JobRow.id < first_id("job", before),
        JobRow.finished_at < before,
        JobRow.study_id.is_(None),
        ~tried,
    )
