"""Jobs that are about to be stored, and how those are that were posted one by one.

On PostgreSQL by one statement for all that come together, for each statement is a journey there and
back; on SQLite, which cannot insert in a WITH, by three for each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnClause,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Select,
    Table,
    bindparam,
    column,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.orm import Session

from service.db.audit import Actor
from service.db.changes import note_queued
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


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A job that was posted by itself: what it is, and who asked for it."""

    new: NewJob
    owner: str
    priority: int
    max_queued: int | None
    """With so many waiting it is refused; None: never."""
    origin: Origin | None = None
    actor: Actor | None = None
    """Whom the audit log names; None: nobody."""


_FROM = "from"


def note_origin(session: Session, origin: Origin | None) -> None:
    """Says where the jobs that the session stores from now on come from."""
    session.info[_FROM] = origin


def origin_of(session: Session) -> Origin | None:
    return cast(Origin | None, session.info.get(_FROM))


def as_row(new: NewJob, *, owner: str, priority: int, origin: Origin | None) -> JsonObject:
    """The columns that not all new jobs share."""
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


def store(session: Session, group: Sequence[Submission]) -> list[Job | QueueFull]:
    """Stores each queued job, its announcement and its first status. The answer has what came of
    each: QueueFull where as many wait already as it may find, see `turns.check_room`."""
    connection = session.connection()
    note_queued(session)
    if connection.dialect.name == "postgresql":
        times = _store_at_once(connection, group)
    else:
        times = [_store_one(connection, one) for one in group]
    return [
        QueueFull(_most(one), _most(one)) if at is None else _queued(one.new, one.priority, at)
        for one, at in zip(group, times, strict=True)
    ]


def _store_at_once(connection: Connection, group: Sequence[Submission]) -> list[datetime | None]:
    rows = [_row(one) | {"place": i, "most": _most(one)} for i, one in enumerate(group)]
    given = {"rows": rows, "enough": max(map(_most, group))}
    times = {row.id: row.created_at for row in connection.execute(_ALL, given)}
    return [times.get(one.new.id) for one in group]


def _store_one(connection: Connection, one: Submission) -> datetime | None:
    given = _row(one) | {"most": _most(one), "enough": _most(one)}
    stored = connection.execute(_JOB, given).first()
    if stored is None:
        return None
    for statement in _REST:
        connection.execute(statement, {"id": stored.id, "created_at": stored.created_at})
    return cast(datetime, stored.created_at)


def _row(one: Submission) -> JsonObject:
    return as_row(one.new, owner=one.owner, priority=one.priority, origin=one.origin)


def _most(one: Submission) -> int:
    return _UNBOUNDED if one.max_queued is None else one.max_queued


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


def _insert_jobs(given: FromClause, before: ColumnElement[int]) -> Any:
    """Stores the given jobs, each with the columns of _GIVEN, where fewer than `most` wait, and
    returns ids and times. `before`: how many others are stored first."""
    jobs, outbox, _ = _TABLES
    # However long the queue is: to count so far tells enough.
    enough = bindparam("enough", type_=BigInteger())
    some = select(outbox.c.job_id).limit(enough).subquery()
    waiting = select(func.count()).select_from(some).scalar_subquery()
    values: dict[str, Any] = {name: given.c[name] for name in _GIVEN} | {
        "status": literal(JobStatus.QUEUED.value, jobs.c.status.type),
        "status_seq": literal(1),
        "attempt": literal(0),
        "losses": literal(0),
        "created_at": now(),
    }
    return (
        insert(jobs)
        .from_select(
            list(values),
            select(*values.values()).where(waiting + before < given.c.most),
            include_defaults=False,
        )
        .returning(jobs.c.id, jobs.c.created_at)
    )


def _insert_rest(job: FromClause) -> list[Any]:
    """Store announcement and first status of the jobs, each an `id` and `created_at`."""
    jobs, outbox, statuses = _TABLES
    queued = literal(JobStatus.QUEUED.value, jobs.c.status.type)
    announced = select(job.c.id, literal(0), job.c.created_at, job.c.created_at)
    moved = select(job.c.id, literal(1), queued, literal(0), job.c.created_at)
    return [
        insert(outbox).from_select(["job_id", "announced", "due_at", "queued_at"], announced),
        insert(statuses).from_select(["job_id", "seq", "status", "attempt", "at"], moved),
    ]


def _insert_all() -> Select[Any]:
    """All jobs of a JSON array, with announcements and statuses, at once."""
    types = {name: _TABLES[0].c[name].type for name in _GIVEN}
    numbers = {"place": Integer(), "most": BigInteger()}
    columns: list[ColumnClause[Any]] = [column(*one) for one in (types | numbers).items()]
    rows = bindparam("rows", type_=JSON())
    given = func.json_to_recordset(rows).table_valued(*columns, name="given")
    given = given.render_derived(with_types=True)
    job = _insert_jobs(given, given.c.place).cte("job")
    announcement, status = _insert_rest(job)
    return select(job.c.id, job.c.created_at).add_cte(
        announcement.cte("announcement"), status.cte("status")
    )


def _bound(*names: str) -> FromClause:
    """One row of parameters."""
    types = {one.name: one.type for one in _TABLES[0].c} | {"most": BigInteger()}
    given = [bindparam(name, type_=types[name]) for name in names]
    return select(*(value.label(value.key) for value in given)).subquery()


# Made once: making them, and the keys by which their compiled forms are found, takes longer than
# all else.
_ALL = _insert_all()
_JOB = _insert_jobs(_bound(*_GIVEN, "most"), literal(0))
_REST = _insert_rest(_bound("id", "created_at"))
