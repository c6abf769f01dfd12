"""Which workers are alive."""

from sqlalchemy import delete, exists, insert, select, update
from sqlalchemy.orm import Session

from service.db.tables import WorkerRow
from service.db.types import now, now_plus


def register(session: Session, worker_id: str, *, host: str, pid: int, slots: int) -> None:
    """Makes the worker known; it counts as live once `report` says that it is ready."""
    row = {"id": worker_id, "host": host, "pid": pid, "slots": slots, "ready": False}
    session.execute(insert(WorkerRow).values(row | {"started_at": now(), "seen_at": now()}))


def report(session: Session, worker_id: str, *, ready: bool) -> bool:
    """Notes that the worker lives, and whether it can take jobs. False where it is not known (any
    more), after a silence that was too long: it should `register` again."""
    known = session.scalars(
        update(WorkerRow)
        .where(WorkerRow.id == worker_id)
        .values(seen_at=now(), ready=ready)
        .returning(WorkerRow.id)
    )
    return known.first() is not None


def remove(session: Session, worker_id: str) -> None:
    """Forgets a worker that stops."""
    session.execute(delete(WorkerRow).where(WorkerRow.id == worker_id))


def forget_silent(session: Session, *, after_s: float) -> None:
    """Forgets the workers that were not heard of for so many seconds."""
    session.execute(delete(WorkerRow).where(WorkerRow.seen_at < now_plus(-after_s)))


def any_ready(session: Session, *, within_s: float) -> bool:
    """Whether a worker that can take jobs was heard of within so many seconds."""
    live = (WorkerRow.seen_at > now_plus(-within_s)) & WorkerRow.ready
    return bool(session.scalar(select(exists().where(live))))
