"""What becomes of ended jobs: back to the queue, or gone."""

from collections.abc import Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from service.db.changes import note_moved
from service.db.idempotency import forget_keys_of
from service.db.jobs import announce, find, record_status
from service.db.measured import forget
from service.db.tables import JobRow
from service.db.turns import check_room
from service.domain.errors import JobNotFound, MoveRefused
from service.domain.job import Job
from service.domain.states import RETRIABLE, TERMINAL, JobStatus, Reason


def retry(session: Session, job_id: str, *, max_queued: int | None = None) -> Job:
    """Sends a failed or cancelled job back to the queue.

    It keeps its id and its history; the next attempt starts from nothing: whatever earlier ones
    measured is removed, so that no two attempts mix. Raises JobNotFound, MoveRefused for a
    job in any other state, and QueueFull where `max_queued` jobs wait already.
    """
    status = session.scalar(select(JobRow.status).where(JobRow.id == job_id).with_for_update())
    if status is None:
        raise JobNotFound(job_id)
    if status not in RETRIABLE:
        raise MoveRefused(f"Only a failed or cancelled job can be retried; this one is {status}.")
    requeue_ended(session, [job_id], max_queued=max_queued)
    return find(session, job_id)


def find_locked(session: Session, job_id: str) -> Job:
    """The job, which nobody else changes until the transaction ends. Raises JobNotFound."""
    session.execute(select(JobRow.id).where(JobRow.id == job_id).with_for_update()).all()
    return find(session, job_id)


def requeue_ended(
    session: Session, job_ids: Sequence[str], *, max_queued: int | None = None
) -> None:
    """Back to the queue. The caller has locked the jobs and seen that they are RETRIABLE. Raises
    QueueFull where they would make it longer than `max_queued`."""
    if max_queued is not None:
        check_room(session, max_queued=max_queued, adding=len(job_ids))
    forget(session, job_ids)
    session.execute(
        update(JobRow)
        .where(JobRow.id.in_(job_ids))
        .values(
            status=JobStatus.QUEUED,
            outcome=None,
            reason=None,
            detail=None,
            diverged_at_step=None,
            environment=None,
            losses=0,
            max_cohort=None,
            last_epoch=None,
            started_at=None,
            finished_at=None,
            cancel_requested_at=None,
        )
    )
    announce(session, list(job_ids))
    record_status(session, list(job_ids), Reason.RETRIED)


def remove(session: Session, job_id: str) -> None:
    """Removes an ended job and everything of it: history, measurements, idempotency keys.

    Raises JobNotFound, and MoveRefused for a job that has not ended.
    """
    query = select(JobRow.status, JobRow.sweep_id).where(JobRow.id == job_id)
    row = session.execute(query.with_for_update()).first()
    if row is None:
        raise JobNotFound(job_id)
    if row.status not in TERMINAL:
        raise MoveRefused(f"The job is {row.status}: cancel it first, or wait for its end.")
    forget_keys_of(session, [job_id])
    forget(session, [job_id])
    session.execute(delete(JobRow).where(JobRow.id == job_id))
    note_moved(session, [row.sweep_id])
