"""Which queued jobs are to be announced to the workers now."""

from collections.abc import Sequence

from sqlalchemy import case, literal, select, update
from sqlalchemy.orm import Session

from service.db.changes import note_queued
from service.db.tables import JobRow, OutboxRow
from service.db.types import now, now_once, now_plus
from service.domain.spec import WITHOUT_GPU


def due(session: Session, *, limit: int) -> Sequence[str]:
    """Ids of the jobs whose announcement is due, the longest due first."""
    query = (
        select(OutboxRow.job_id)
        .where(OutboxRow.due_at <= now_once())
        .order_by(OutboxRow.due_at, OutboxRow.job_id)
        .limit(limit)
    )
    return session.scalars(query).all()


def needing_gpu(session: Session, job_ids: Sequence[str]) -> set[str]:
    """Which of the jobs only a worker with a GPU can train."""
    on_gpu = select(JobRow.id).where(JobRow.id.in_(job_ids), JobRow.device.notin_(WITHOUT_GPU))
    return set(session.scalars(on_gpu))


def mark_announced(session: Session, job_ids: Sequence[str], *, republish_s: float) -> None:
    """Lets the announcements fall due again, each time after twice the wait (at most 64 times
    `republish_s`), in case the message is lost.

    Rows that somebody else is changing are passed over: they are being removed by a claim or
    marked by another relay, and waiting for several of them could end in a deadlock.
    """
    free = session.scalars(
        select(OutboxRow.job_id)
        .where(OutboxRow.job_id.in_(job_ids))
        .with_for_update(skip_locked=True)
    ).all()
    doublings = case({n: 2**n for n in range(6)}, value=OutboxRow.announced, else_=64)
    session.execute(
        update(OutboxRow)
        .where(OutboxRow.job_id.in_(free))
        .values(
            announced=OutboxRow.announced + 1, due_at=now_plus(literal(republish_s) * doublings)
        )
    )


def make_due(session: Session, job_id: str) -> None:
    """Lets the job be announced again at once: its announcement reached nobody who could act."""
    session.execute(update(OutboxRow).where(OutboxRow.job_id == job_id).values(due_at=now()))
    note_queued(session)
