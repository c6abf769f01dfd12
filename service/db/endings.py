"""How attempts ended: noted in the transaction that ends them, told when it has been committed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.tables import JobRow
from service.domain.states import Reason

_ENDED = "ended attempts"


@dataclass(frozen=True, kw_only=True)
class EndedAttempt:
    """An attempt at a job that has ended; the job may have another."""

    job_id: str
    attempt: int
    reason: str
    """An outcome of a job that succeeded, or why it did not."""
    request_id: str | None
    """Of the request that made the job."""
    cancel_wait_s: float | None
    """From the user's wish to cancel the job to its end; None where it was not cancelled."""


OnEnded = Callable[[Sequence[EndedAttempt]], None]


def note_ended(session: Session, job_ids: Iterable[str], reason: str) -> None:
    """Notes that the present attempts at these jobs end in the session's transaction, which has
    given the jobs their new state already."""
    ended = select(
        JobRow.id,
        JobRow.attempt,
        JobRow.request_id,
        JobRow.cancel_requested_at,
        JobRow.finished_at,
    ).where(JobRow.id.in_(list(job_ids)))
    noted: list[EndedAttempt] = session.info.setdefault(_ENDED, [])
    for row in session.execute(ended.order_by(JobRow.id)):
        cancelled = reason == Reason.USER and row.cancel_requested_at and row.finished_at
        wait = row.finished_at - row.cancel_requested_at if cancelled else None
        noted.append(
            EndedAttempt(
                job_id=row.id,
                attempt=row.attempt,
                reason=str(reason),
                request_id=row.request_id,
                cancel_wait_s=None if wait is None else max(0.0, wait.total_seconds()),
            )
        )


def take_noted(session: Session) -> list[EndedAttempt]:
    """What was noted in the session's transaction: call it when that is committed."""
    noted: list[EndedAttempt] = session.info.pop(_ENDED, [])
    return noted
