"""A job that is about to be stored, and how a single one is: jobs are posted singly and by many at
once. On PostgreSQL by one statement, for each is a journey there and back; on SQLite, which cannot
insert in a WITH, by three."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    FromClause,
    Select,
    Table,
    bindparam,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.orm import Session

from service.db.tables import JobRow, OutboxRow, StatusRow
from service.db.types import now
from service.domain.base import JsonObject
from service.domain.errors import QueueFull
from service.domain.job import Job, SpecWarning
from service.domain.spec import JobSpec, cohort_key
from service.domain.states import JobStatus

_GIVEN = (
    "id",
    "name",
    "spec",
    "warnings",
    "activation",
    "cohort_key",
    "device",
    "epochs",
    "owner",
    "precedence",
    "request_id",
    "traceparent",
)
_UNBOUNDED = 2**62


@dataclass(frozen=True, kw_only=True)
class NewJob:
    """A job that is about to be stored."""

    id: str
    spec: JobSpec
    warnings: list[SpecWarning]
    sweep_index: int | None = None


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The request on whose behalf something is stored: for logs and traces to follow it by."""

    request_id: str
    traceparent: str | None
    """Of the request's span (W3C Trace Context); None where nothing is traced."""


_FROM = "from"


def note_origin(session: Session, origin: Origin | None) -> None:
    """Says where the jobs that the session stores from now on come from."""
    session.info[_FROM] = origin


def as_row(session: Session, new: NewJob, *, owner: str, priority: int) -> JsonObject:
    """The columns that not all new jobs share."""
    origin: Origin | None = session.info.get(_FROM)
    return {
        "id": new.id,
        "name": new.spec.name,
        "spec": new.spec.model_dump(mode="json"),
        "warnings": [warning.model_dump() for warning in new.warnings],
        "activation": new.spec.activation.name,
        "cohort_key": cohort_key(new.spec),
        "device": new.spec.device,
        "epochs": new.spec.epochs,
        "owner": owner,
        "precedence": -priority,
        "request_id": origin and origin.request_id,
        "traceparent": origin and origin.traceparent,
    }


def store_one(
    session: Session, new: NewJob, *, owner: str, priority: int, max_queued: int | None
) -> Job:
    """Stores the queued job, its announcement and its first status. Raises QueueFull where
    `max_queued` jobs wait already, see `turns.check_room`."""
    most = _UNBOUNDED if max_queued is None else max_queued
    given = as_row(session, new, owner=owner, priority=priority) | {"most": most}
    connection = session.connection()
    at_once = connection.dialect.name == "postgresql"
    created_at: datetime | None = connection.execute(_ALL if at_once else _JOB, given).scalar()
    if created_at is None:
        raise QueueFull(most, most)
    if not at_once:
        for statement in _REST:
            connection.execute(statement, {"id": new.id, "created_at": created_at})
    return _queued(new, priority, created_at)


def _queued(new: NewJob, priority: int, created_at: datetime) -> Job:
    """What the record would say of a job that has just been stored."""
    return Job(
        id=new.id,
        name=new.spec.name,
        spec=new.spec,
        status=JobStatus.QUEUED,
        outcome=None,
        reason=None,
        detail=None,
        attempt=0,
        priority=priority,
        progress=0.0,
        warnings=new.warnings,
        created_at=created_at,
        started_at=None,
        finished_at=None,
        cancel_requested_at=None,
        sweep_id=None,
        study_id=None,
        summary=None,
        diverged_at_step=None,
        environment=None,
    )


_TABLES = [cast(Table, model.__table__) for model in (JobRow, OutboxRow, StatusRow)]


def _insert_job() -> Any:
    """Stores the job, as _GIVEN says, where fewer than `most` wait, and returns its time."""
    jobs, outbox, _ = _TABLES
    most = bindparam("most", type_=BigInteger())
    some = select(outbox.c.job_id).limit(most).subquery()
    waiting = select(func.count()).select_from(some).scalar_subquery()
    values: dict[str, Any] = {name: bindparam(name, type_=jobs.c[name].type) for name in _GIVEN} | {
        "status": literal(JobStatus.QUEUED.value, jobs.c.status.type),
        "status_seq": literal(1),
        "attempt": literal(0),
        "losses": literal(0),
        "created_at": now(),
    }
    return (
        insert(jobs)
        .from_select(
            list(values), select(*values.values()).where(waiting < most), include_defaults=False
        )
        .returning(jobs.c.created_at, jobs.c.id)
    )


def _insert_rest(job: FromClause) -> list[Any]:
    """Store announcement and first status of the job of this `id` and `created_at`."""
    jobs, outbox, statuses = _TABLES
    queued = literal(JobStatus.QUEUED.value, jobs.c.status.type)
    announced = select(job.c.id, literal(0), job.c.created_at, job.c.created_at)
    moved = select(job.c.id, literal(1), queued, literal(0), job.c.created_at)
    return [
        insert(outbox).from_select(["job_id", "announced", "due_at", "queued_at"], announced),
        insert(statuses).from_select(["job_id", "seq", "status", "attempt", "at"], moved),
    ]


def _insert_all() -> Select[Any]:
    """All three at once."""
    job = _insert_job().cte("job")
    announcement, status = _insert_rest(job)
    return select(job.c.created_at).add_cte(announcement.cte("announcement"), status.cte("status"))


def _given_job() -> FromClause:
    jobs = _TABLES[0]
    given = [bindparam(name, type_=jobs.c[name].type) for name in ("id", "created_at")]
    return select(*(value.label(value.key) for value in given)).subquery()


# Made once: making them, and the keys by which their compiled forms are found, takes longer than
# all else.
_ALL = _insert_all()
_JOB, _REST = _insert_job(), _insert_rest(_given_job())
