"""Which workers are alive."""

from dataclasses import asdict, dataclass

from sqlalchemy import delete, exists, func, insert, select, update
from sqlalchemy.orm import Session

from service.db.process_tables import WorkerRow
from service.db.types import now, now_plus


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A worker process: who it is and how much it can do at a time."""

    id: str
    host: str
    pid: int
    slots: int
    gpus: int = 0


def report(session: Session, worker: Worker, *, ready: bool) -> None:
    """Notes that the worker lives, and whether it can take jobs; makes it known where it is not
    (any more: `forget_silent`)."""
    known = session.scalars(
        update(WorkerRow)
        .where(WorkerRow.id == worker.id)
        .values(seen_at=now(), ready=ready)
        .returning(WorkerRow.id)
    )
    if known.first() is None:
        row = asdict(worker) | {"ready": ready, "started_at": now(), "seen_at": now()}
        session.execute(insert(WorkerRow).values(row))


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


def live_gpus(session: Session, *, within_s: float) -> int:
    """GPUs of the workers that were heard of within so many seconds, be they busy or not."""
    live = WorkerRow.seen_at > now_plus(-within_s)
    return int(session.scalar(select(func.coalesce(func.sum(WorkerRow.gpus), 0)).where(live)) or 0)


def live_slots(session: Session, *, within_s: float) -> int:
    """Slots of the workers that can take jobs and were heard of within so many seconds."""
    live = (WorkerRow.seen_at > now_plus(-within_s)) & WorkerRow.ready
    return int(session.scalar(select(func.coalesce(func.sum(WorkerRow.slots), 0)).where(live)) or 0)
