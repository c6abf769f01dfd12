"""Trials of treatments: which sweep was started for a job, and what its members measured last."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, select, update
from sqlalchemy.orm import Session

from service.db.tables import EpochRow, JobRow
from service.db.treatment_tables import TreatmentRow
from service.db.upsert import insert_ignoring
from service.domain.errors import JobNotFound, MoveRefused
from service.domain.job import Job
from service.domain.states import JobStatus, Outcome
from service.domain.sweep import Sweep


@dataclass(frozen=True, kw_only=True)
class StoredTrial:
    """What was started: `arms` as the caller described them, in the order of the sweep."""

    sweep_id: str
    arms: list[Any]
    seeds: list[int]


def find(session: Session, job: Job) -> StoredTrial | None:
    """The trial that was started for this attempt of the job."""
    query = select(TreatmentRow.sweep_id, TreatmentRow.arms, TreatmentRow.seeds)
    row = session.execute(query.where(*_of(job))).first()
    if row is None:
        return None
    return StoredTrial(sweep_id=row.sweep_id, arms=row.arms, seeds=row.seeds)


def start(
    session: Session, job: Job, arms: list[Any], seeds: list[int], submit: Callable[[str], Sweep]
) -> StoredTrial | None:
    """Starts a trial by `submit`, which is told whose the patient is, in the caller's
    transaction, unless there is one: of two callers at once the second waits for the first one's
    transaction and finds its trial.

    Raises JobNotFound, and MoveRefused where the job was retried in the meantime.
    """
    query = select(JobRow.attempt, JobRow.status, JobRow.owner).where(JobRow.id == job.id)
    now = session.execute(query.with_for_update()).first()
    if now is None:
        raise JobNotFound(job.id)
    if (now.attempt, now.status) != (job.attempt, job.status):
        raise MoveRefused("The job was retried while it was diagnosed: ask again when it ends.")
    row = {"job_id": job.id, "attempt": job.attempt, "sweep_id": "", "arms": arms, "seeds": seeds}
    if insert_ignoring(session, TreatmentRow, row):
        sweep = submit(now.owner)
        session.execute(update(TreatmentRow).where(*_of(job)).values(sweep_id=sweep.id))
    return find(session, job)


def _of(job: Job) -> tuple[Any, ...]:
    return TreatmentRow.job_id == job.id, TreatmentRow.attempt == job.attempt


@dataclass(frozen=True, kw_only=True)
class TrialMember:
    """A member of the sweep: how it ended, and its last values."""

    index: int
    job_id: str
    status: JobStatus
    outcome: Outcome | None
    values: dict[str, float | None]


def members(session: Session, sweep_id: str, quantities: Sequence[str]) -> list[TrialMember]:
    """The members with the last values of these columns of `/epochs`, in the order of the
    sweep's points. A member that was deleted is not among them."""
    last = and_(EpochRow.job_id == JobRow.id, EpochRow.epoch == JobRow.last_epoch)
    columns = [getattr(EpochRow, name) for name in quantities]
    query = (
        select(JobRow.sweep_index, JobRow.id, JobRow.status, JobRow.outcome, *columns)
        .outerjoin(EpochRow, last)
        .where(JobRow.sweep_id == sweep_id, JobRow.sweep_index.is_not(None))
        .order_by(JobRow.sweep_index)
    )
    return [
        TrialMember(
            index=index,
            job_id=job_id,
            status=JobStatus(status),
            outcome=Outcome(outcome) if outcome else None,
            values=dict(zip(quantities, values, strict=True)),
        )
        for index, job_id, status, outcome, *values in session.execute(query)
    ]
