"""Who holds a job: claiming, leases, and every write of a worker.

A worker holds a job by (job id, attempt) while its lease, by the database's clock, has not run
out. `fence.lock_held` is the fence in front of each write: what it does not return is lost, and the
worker must stop working on it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.orm import Session

from service.db import heads, turns
from service.db.endings import note_ended
from service.db.fence import Held, lock_held
from service.db.jobs import announce, end_queued, forget_earlier_attempts, record_status
from service.db.tables import JobRow, OutboxRow
from service.db.types import now, now_once, now_plus
from service.domain.base import JsonObject
from service.domain.spec import ANY_DEVICE, Device, JobSpec
from service.domain.states import JobStatus, Outcome, Reason


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A job that the caller holds now."""

    job_id: str
    attempt: int
    spec: JobSpec
    request_id: str | None
    traceparent: str | None
    """Of the request that made the job; None where nothing is traced."""


def claim(
    session: Session,
    job_id: str,
    *,
    worker_id: str,
    limit: int,
    lease_s: float,
    per_owner: int = 0,
) -> list[Claim]:
    """Claims a queued job and up to `limit - 1` others of its cohort key and priority: the owners
    by turns, each one's oldest first, and no owner beyond `per_owner` running jobs (0: no bound).

    Jobs over which a process died are claimed among themselves, as few at a time as `max_cohort`
    says, so that in the end the one that brings it down is alone.

    Empty where the job is not queued (any more): losing the race means walking away. One
    transaction; on PostgreSQL rows that another claim holds are skipped, on SQLite the write
    lock admits one claim at a time.
    """
    head = session.execute(
        _waiting(JobRow).where(JobRow.id == job_id).execution_options(populate_existing=True)
    ).scalar()
    if head is None:
        return []
    mates = _choose_mates(session, head, limit=limit, per_owner=per_owner)
    rows = session.execute(
        update(JobRow)
        .where(JobRow.id.in_([job_id, *mates]), JobRow.status == JobStatus.QUEUED)
        .values(
            status=JobStatus.RUNNING,
            attempt=JobRow.attempt + 1,
            worker_id=worker_id,
            lease_expires_at=now_plus(lease_s),
            last_epoch=None,
            started_at=func.coalesce(JobRow.started_at, now()),
        )
        .returning(
            JobRow.id,
            JobRow.attempt,
            JobRow.spec,
            JobRow.owner,
            JobRow.request_id,
            JobRow.traceparent,
        )
    ).all()
    ids = [row.id for row in rows]
    session.execute(delete(OutboxRow).where(OutboxRow.job_id.in_(ids)))
    record_status(session, ids)
    turns.note_served(session, (row.owner for row in rows))
    claims = [
        Claim(
            job_id=row.id,
            attempt=row.attempt,
            spec=JobSpec.model_validate(row.spec),
            request_id=row.request_id,
            traceparent=row.traceparent,
        )
        for row in rows
    ]
    return sorted(claims, key=lambda one: one.job_id)


def claim_next(
    session: Session,
    *,
    worker_id: str,
    limit: int,
    lease_s: float,
    per_owner: int = 0,
    devices: Sequence[Device] = ANY_DEVICE,
) -> list[Claim]:
    """Claims the job whose turn it is among those for one of these devices, with its cohort, which
    shares the device; empty where there is none."""
    turns.take_turn(session)
    job_id = turns.next_in_line(session, per_owner=per_owner, devices=devices)
    if job_id is None:
        return []
    return claim(
        session,
        job_id,
        worker_id=worker_id,
        limit=limit,
        lease_s=lease_s,
        per_owner=per_owner,
    )


def _choose_mates(session: Session, head: JobRow, *, limit: int, per_owner: int) -> list[str]:
    """Ids of the queued jobs that are to train with the head, locked."""
    if (most := min(limit, head.max_cohort or limit) - 1) <= 0:
        return []
    # Where a process died over the head, only others over which one died.
    alike = {
        "cohort_key": head.cohort_key,
        "precedence": head.precedence,
        "max_cohort": head.max_cohort,
    }
    by_turns = heads.oldest_by_turns(session, most, served=head, **alike)
    if per_owner:
        known = turns.standings(session, per_owner=per_owner)
        running = Counter({owner: standing.running for owner, standing in known.items()})
        running[head.owner] += 1
        by_turns = _within_limits(by_turns, running, per_owner)
    chosen = [row.id for row in by_turns]
    return list(session.scalars(_waiting(JobRow.id).where(JobRow.id.in_(chosen))))


def _within_limits(
    by_turns: Sequence[heads.Head], running: Counter[str], per_owner: int
) -> list[heads.Head]:
    kept = []
    for row in by_turns:
        if running[row.owner] < per_owner:
            running[row.owner] += 1
            kept.append(row)
    return kept


def _waiting(*columns: Any) -> Any:
    return (
        select(*columns).where(JobRow.status == JobStatus.QUEUED).with_for_update(skip_locked=True)
    )


def renew(session: Session, held: Held, *, lease_s: float) -> set[str]:
    """Extends the leases of what the caller still holds, and returns it."""
    mine = lock_held(session, held)
    session.execute(
        update(JobRow).where(JobRow.id.in_(mine)).values(lease_expires_at=now_plus(lease_s))
    )
    return mine


def cancel_requests(session: Session, held: Held) -> set[str]:
    """Which of the held jobs their users want cancelled."""
    asked = select(JobRow.id).where(
        JobRow.id.in_(list(held)), JobRow.cancel_requested_at.is_not(None)
    )
    return set(session.scalars(asked))


def record_environment(session: Session, held: Held, environment: JsonObject) -> None:
    """Notes what the numbers of these attempts depend on besides the spec."""
    mine = lock_held(session, held)
    session.execute(update(JobRow).where(JobRow.id.in_(mine)).values(environment=environment))


def finish(
    session: Session,
    held: Held,
    *,
    status: JobStatus,
    outcome: Outcome | None = None,
    reason: Reason | None = None,
    detail: str | None = None,
    diverged_at_step: int | None = None,
) -> set[str]:
    """Ends held jobs. Returns those that were still held; the others are left alone."""
    mine = lock_held(session, held)
    session.execute(
        update(JobRow)
        .where(JobRow.id.in_(mine))
        .values(
            status=status,
            outcome=outcome,
            reason=reason,
            detail=detail,
            diverged_at_step=diverged_at_step,
            finished_at=now(),
            lease_expires_at=None,
            worker_id=None,
        )
    )
    forget_earlier_attempts(session, sorted(mine))
    record_status(session, sorted(mine), reason)
    note_ended(session, mine, outcome or reason or status)
    return mine


def hand_back(session: Session, held: Held) -> None:
    """Returns held jobs to the queue at once: a worker that stops loses nobody's turn."""
    _requeue(session, sorted(lock_held(session, held)), Reason.HANDED_BACK)


MOST_GIVEN_UP = 1000
"""Jobs in one transaction."""


def give_up_on_silent_workers(
    session: Session, *, max_attempts: int, limit: int = MOST_GIVEN_UP
) -> Sequence[str]:
    """Takes jobs whose lease ran out from their workers: back to the queue, or failed where
    `max_attempts` workers were lost over them. Returns their ids."""
    expired = session.execute(
        select(JobRow.id, JobRow.worker_id)
        .where(JobRow.status == JobStatus.RUNNING, JobRow.lease_expires_at <= now_once())
        .order_by(JobRow.lease_expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    ids = [row.id for row in expired]
    detail = f"{max_attempts} workers were lost while they trained this job."
    for job_ids in _by_worker(expired):
        _split(session, job_ids)
        _count_loss(session, job_ids, Reason.WORKER_LOST, detail, max_attempts=max_attempts)
    return ids


def _by_worker(rows: Sequence[Any]) -> list[list[str]]:
    together: dict[str | None, list[str]] = defaultdict(list)
    for row in rows:
        together[row.worker_id].append(row.id)
    return list(together.values())


def lose(session: Session, held: Held, *, reason: Reason, detail: str, max_attempts: int) -> None:
    """Returns held jobs to the queue after their training process was lost.

    Of several nobody knows whose fault it was, so none is blamed: each half of them is tried
    again by itself. A job that was alone is blamed, and fails at its `max_attempts`th loss.
    """
    mine = sorted(lock_held(session, held))
    if len(mine) > 1:
        _split(session, mine)
        _requeue(session, mine, reason)
    else:
        _count_loss(session, mine, reason, detail, max_attempts=max_attempts)


def _split(session: Session, job_ids: list[str]) -> None:
    """Lets at most half of so many train together from now on."""
    half = max(1, len(job_ids) // 2)
    session.execute(update(JobRow).where(JobRow.id.in_(job_ids)).values(max_cohort=half))


def _count_loss(
    session: Session, job_ids: list[str], reason: Reason, detail: str, *, max_attempts: int
) -> None:
    if not job_ids:
        return
    counted = session.execute(
        update(JobRow)
        .where(JobRow.id.in_(job_ids))
        # The last try is made alone: nobody fails for another's fault.
        .values(
            losses=JobRow.losses + 1,
            max_cohort=case((JobRow.losses + 2 >= max_attempts, 1), else_=JobRow.max_cohort),
        )
        .returning(JobRow.id, JobRow.losses, JobRow.cancel_requested_at)
    ).all()
    # What its user gave up is cancelled, not failed: _requeue sees to that.
    hopeless = sorted(
        row.id for row in counted if row.losses >= max_attempts and row.cancel_requested_at is None
    )
    if hopeless:
        end_queued(session, hopeless, JobStatus.FAILED, reason, detail)
        note_ended(session, hopeless, reason)
    _requeue(session, [job_id for job_id in job_ids if job_id not in hopeless], reason)


def _requeue(session: Session, job_ids: Iterable[str], reason: Reason) -> None:
    """Back to the queue, unless the user wants the job cancelled anyway."""
    job_ids = list(job_ids)
    unwanted = set(cancel_requests(session, dict.fromkeys(job_ids, 0)))
    if unwanted:
        end_queued(
            session, sorted(unwanted), JobStatus.CANCELLED, Reason.USER, "Cancelled while running."
        )
        note_ended(session, unwanted, Reason.USER)
    waiting = [job_id for job_id in job_ids if job_id not in unwanted]
    if not waiting:
        return
    session.execute(
        update(JobRow)
        .where(JobRow.id.in_(waiting))
        .values(status=JobStatus.QUEUED, lease_expires_at=None, worker_id=None)
    )
    announce(session, waiting)
    record_status(session, waiting, reason)
    note_ended(session, waiting, reason)
