"""Submitting, reading, listing and cancelling jobs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Row,
    String,
    Text,
    and_,
    cast,
    delete,
    insert,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session

from service.db.audit import name_resource
from service.db.changes import note_moved, note_queued
from service.db.datasets import note_uses
from service.db.idempotency import claim_key
from service.db.measured import keep_newest_attempt
from service.db.posting import NewJob, Submission, as_row, origin_of, store
from service.db.tables import (
    CheckpointRow,
    EpochRow,
    JobRow,
    OutboxRow,
    StatusRow,
)
from service.db.types import now
from service.db.upsert import insert_all_ignoring
from service.domain.access import DEFAULT_OWNER
from service.domain.datasets import Upload
from service.domain.errors import JobNotFound, MoveRefused, QueueFull
from service.domain.ids import new_id
from service.domain.job import Job, SpecWarning, StatusChange
from service.domain.metrics import EPOCH_COLUMNS, EpochMetrics
from service.domain.spec import JobSpec
from service.domain.states import TERMINAL, JobStatus, Reason


def submit(
    session: Session,
    spec: JobSpec,
    warnings: list[SpecWarning],
    *,
    priority: int = 0,
    owner: str = DEFAULT_OWNER,
    max_queued: int | None = None,
    idempotency: tuple[str, str] | None = None,
) -> Job:
    """Stores a queued job and its announcement in the caller's transaction. Raises QueueFull where
    `max_queued` jobs wait already.

    `idempotency` is the caller's key and a digest of the body: the same key with the same digest
    answers with the job that it made before. Raises IdempotencyConflict for another digest.
    """
    job_id = new_id("job")
    if idempotency is not None:
        earlier = claim_key(session, *idempotency, job_id, owner=owner)
        if earlier is not None:
            return find(session, earlier)
    name_resource(session, job_id)
    new = NewJob(id=job_id, spec=spec, warnings=warnings)
    origin = origin_of(session)
    asked = Submission(
        new=new, owner=owner, priority=priority, max_queued=max_queued, origin=origin
    )
    (job,) = store(session, [asked])
    if isinstance(job, QueueFull):
        raise job
    _note_uses(session, [new], owner)
    return job


def enqueue(
    session: Session,
    new: Sequence[NewJob],
    *,
    sweep_id: str | None = None,
    study_id: str | None = None,
    owner: str = DEFAULT_OWNER,
    priority: int = 0,
) -> None:
    """Stores queued jobs and their announcements in the caller's transaction."""
    rows = [
        as_row(one, owner=owner, priority=priority, origin=origin_of(session))
        | {"sweep_id": sweep_id, "sweep_index": one.sweep_index, "study_id": study_id}
        for one in new
    ]
    first = {"status": JobStatus.QUEUED, "status_seq": 1}
    session.execute(insert(JobRow).values(**first, created_at=now()), rows)
    # What `announce` and `record_status` do, in fewer statements: many jobs are posted singly.
    ids = [{"job_id": one.id} for one in new]
    session.execute(insert(OutboxRow).values(announced=0, due_at=now(), queued_at=now()), ids)
    note_queued(session)
    status = insert(StatusRow).values(seq=1, status=JobStatus.QUEUED, attempt=0, at=now())
    session.execute(status, ids)
    _note_uses(session, new, owner)


def _note_uses(session: Session, new: Sequence[NewJob], owner: str) -> None:
    used = ((one.id, one.spec.dataset) for one in new)
    uses = [(i, data.dataset_id) for i, data in used if isinstance(data, Upload)]
    note_uses(session, uses, owner=owner)


def announce(session: Session, job_ids: list[str]) -> None:
    """Puts queued jobs into the outbox, due at once."""
    # One time for all, by the database's clock.
    at = session.scalar(select(now()))
    new = {"announced": 0, "due_at": at, "queued_at": at}
    rows = [{"job_id": job_id} | new for job_id in job_ids]
    insert_all_ignoring(session, OutboxRow, rows)
    note_queued(session)


def record_status(session: Session, job_ids: list[str], reason: Reason | None = None) -> None:
    """Adds the jobs' present status to their histories. Call it in the transaction of the move."""
    if not job_ids:
        return
    their_sweeps = session.scalars(
        update(JobRow)
        .where(JobRow.id.in_(job_ids))
        .values(status_seq=JobRow.status_seq + 1)
        .returning(JobRow.sweep_id)
    )
    note_moved(session, {*job_ids, *their_sweeps})
    moved = select(
        JobRow.id, JobRow.status_seq, JobRow.status, JobRow.attempt, literal(reason, String), now()
    ).where(JobRow.id.in_(job_ids))
    names = ["job_id", "seq", "status", "attempt", "reason", "at"]
    session.execute(insert(StatusRow).from_select(names, moved))


def find(session: Session, job_id: str) -> Job:
    """The job with this id. Raises JobNotFound."""
    row = session.execute(_JOBS.where(JobRow.id == job_id)).first()
    if row is None:
        raise JobNotFound(job_id)
    return _to_job(row)


@dataclass(frozen=True, kw_only=True)
class Glance:
    """How far a job is: what has to be read of it to see whether there is more to read."""

    status: JobStatus
    status_seq: int
    last_epoch: int | None


def has_ended(session: Session, job_id: str) -> bool:
    """Raises JobNotFound."""
    return glance(session, job_id).status in TERMINAL


def glance(session: Session, job_id: str) -> Glance:
    """Where the job with this id stands. Raises JobNotFound. One small row, made for polling."""
    query = select(JobRow.status, JobRow.status_seq, JobRow.last_epoch).where(JobRow.id == job_id)
    row = session.execute(query).first()
    if row is None:
        raise JobNotFound(job_id)
    return Glance(
        status=JobStatus(row.status), status_seq=row.status_seq, last_epoch=row.last_epoch
    )


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """Which jobs to list; None means any."""

    status: JobStatus | None = None
    outcome: str | None = None
    activation: str | None = None
    name: str | None = None
    sweep_id: str | None = None
    study_id: str | None = None


def list_newest_first(
    session: Session, wanted: JobFilter, *, before_id: str | None, limit: int
) -> list[Job]:
    """At most `limit` jobs older than `before_id`, newest first (ids sort by creation)."""
    conditions = [
        getattr(JobRow, field) == value
        for field, value in vars(wanted).items()
        if value is not None
    ]
    if before_id is not None:
        conditions.append(JobRow.id < before_id)
    query = _JOBS.where(and_(true(), *conditions)).order_by(JobRow.id.desc()).limit(limit)
    return [_to_job(row) for row in session.execute(query)]


def cancel(session: Session, job_id: str) -> Job:
    """Cancels a queued job at once and asks the worker of a running one to stop.

    Raises JobNotFound, and MoveRefused where the job has ended. Asking twice changes nothing.
    """
    status = session.scalar(select(JobRow.status).where(JobRow.id == job_id).with_for_update())
    if status is None:
        raise JobNotFound(job_id)
    if status in TERMINAL:
        raise MoveRefused(f"The job has ended ({status}), so there is nothing to cancel.")
    asked = {"cancel_requested_at": now()}
    mine = update(JobRow).where(JobRow.id == job_id, JobRow.cancel_requested_at.is_(None))
    if status == JobStatus.RUNNING:
        session.execute(mine.values(asked))
    else:
        session.execute(mine.values(asked))
        end_queued(session, [job_id], JobStatus.CANCELLED, Reason.USER, "Cancelled while queued.")
    return find(session, job_id)


def end_queued(
    session: Session, job_ids: list[str], status: JobStatus, reason: Reason, detail: str
) -> None:
    """Ends jobs that no worker holds: a terminal status, and no more announcements."""
    session.execute(
        update(JobRow)
        .where(JobRow.id.in_(job_ids))
        .values(
            status=status,
            reason=reason,
            detail=detail,
            finished_at=now(),
            lease_expires_at=None,
            worker_id=None,
        )
    )
    session.execute(delete(OutboxRow).where(OutboxRow.job_id.in_(job_ids)))
    forget_earlier_attempts(session, job_ids)
    record_status(session, job_ids, reason)


def forget_earlier_attempts(session: Session, job_ids: list[str]) -> None:
    """Removes checkpoints, and what was measured by attempts before the last one that measured
    anything. Call it in the transaction that ends the jobs: all rows of an ended job are of one
    attempt."""
    session.execute(delete(CheckpointRow).where(CheckpointRow.job_id.in_(job_ids)))
    again = select(JobRow.id).where(JobRow.id.in_(job_ids), JobRow.attempt > 1)
    for job_id in session.scalars(again).all():
        keep_newest_attempt(session, job_id)


def status_changes(session: Session, job_id: str, *, after_seq: int = 0) -> list[StatusChange]:
    """The job's moves after the `after_seq`th, in order."""
    query = (
        select(StatusRow)
        .where(StatusRow.job_id == job_id, StatusRow.seq > after_seq)
        .order_by(StatusRow.seq)
        .limit(1000)
    )
    return [
        StatusChange(
            seq=row.seq, status=row.status, attempt=row.attempt, reason=row.reason, at=row.at
        )
        for row in session.scalars(query)
    ]


# Columns and no entities: a page of a list is hundreds of rows. The spec as text, which pydantic
# reads faster than Python does.
_SHOWN = [
    *(
        getattr(JobRow, name)
        for name in (
            *("id", "name", "status", "outcome", "reason", "detail", "attempt", "precedence"),
            *("warnings", "created_at", "started_at", "finished_at", "cancel_requested_at"),
            *("sweep_id", "study_id", "diverged_at_step", "environment", "last_epoch", "epochs"),
        )
    ),
    cast(JobRow.spec, Text).label("spec"),
]
_LAST = [getattr(EpochRow, name).label(f"last_{name}") for name in EPOCH_COLUMNS]


_JOBS = select(*_SHOWN, *_LAST).outerjoin(
    EpochRow, and_(EpochRow.job_id == JobRow.id, EpochRow.epoch == JobRow.last_epoch)
)


def _to_job(row: Row[*tuple[Any, ...]]) -> Job:
    last = dict(zip(EPOCH_COLUMNS, row[len(_SHOWN) :], strict=True))
    return Job(
        id=row.id,
        name=row.name,
        spec=JobSpec.model_validate_json(row.spec),
        status=JobStatus(row.status),
        outcome=row.outcome,
        reason=row.reason,
        detail=row.detail,
        attempt=row.attempt,
        priority=-row.precedence,
        progress=_progress(row),
        warnings=row.warnings,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        cancel_requested_at=row.cancel_requested_at,
        sweep_id=row.sweep_id,
        study_id=row.study_id,
        summary=None if last["epoch"] is None else EpochMetrics.model_construct(**last),
        diverged_at_step=row.diverged_at_step,
        environment=row.environment,
    )


def _progress(row: Row[*tuple[Any, ...]]) -> float:
    if row.status == JobStatus.SUCCEEDED:
        return 1.0
    return (row.last_epoch or 0) / row.epochs if row.epochs else 0.0
