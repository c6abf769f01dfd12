"""Submitting, reading, listing, cancelling and retrying sweeps.

A sweep's status is not stored: it follows from its members at the moment of reading, so no worker
ever writes (or waits for) the sweep of its job.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Double, Select, and_, case, cast, func, insert, literal, select, true, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from service.db.audit import name_resource
from service.db.idempotency import claim_key
from service.db.jobs import end_queued, enqueue
from service.db.posting import NewJob
from service.db.retries import requeue_ended
from service.db.tables import EpochRow, JobRow, SweepRow
from service.db.turns import check_room
from service.db.types import now
from service.domain.access import DEFAULT_OWNER
from service.domain.errors import MoveRefused, SweepNotFound
from service.domain.ids import new_id
from service.domain.job import SpecWarning
from service.domain.spec import JobSpec
from service.domain.states import RETRIABLE, TERMINAL, JobStatus, Outcome, Reason
from service.domain.sweep import Sweep, SweepCounts, SweepProgress, SweepSpec, sweep_status


def submit(
    session: Session,
    sweep: SweepSpec,
    members: Sequence[tuple[JobSpec, list[SpecWarning]]],
    *,
    priority: int = 0,
    owner: str = DEFAULT_OWNER,
    study_id: str | None = None,
    max_queued: int | None = None,
    idempotency: tuple[str, str] | None = None,
) -> Sweep:
    """Stores a sweep and all its jobs, queued and announced, in the caller's transaction. Raises
    QueueFull where they do not all fit behind those that wait already.

    `members` are in the order of the sweep's points. `idempotency` as for jobs.
    """
    sweep_id = new_id("swp")
    if idempotency is not None:
        earlier = claim_key(session, *idempotency, sweep_id, owner=owner)
        if earlier is not None:
            return find(session, earlier)
    if max_queued is not None:
        check_room(session, max_queued=max_queued, adding=len(members))
    document = sweep.model_dump(mode="json")
    session.execute(
        insert(SweepRow).values(
            id=sweep_id,
            name=sweep.name,
            base=sweep.base,
            axes=[[path, document["axes"][path]] for path in sweep.axes],
            mode=sweep.mode,
            members=len(members),
            study_id=study_id,
            created_at=now(),
            owner=owner,
        )
    )
    new = [
        NewJob(id=new_id("job"), spec=spec, warnings=warnings, sweep_index=index)
        for index, (spec, warnings) in enumerate(members)
    ]
    enqueue(session, new, sweep_id=sweep_id, study_id=study_id, owner=owner, priority=priority)
    name_resource(session, sweep_id)
    return find(session, sweep_id)


def find(session: Session, sweep_id: str) -> Sweep:
    """The sweep with this id. Raises SweepNotFound."""
    row = session.get(SweepRow, sweep_id)
    if row is None:
        raise SweepNotFound(sweep_id)
    return _to_sweep(row, _standings(session, [sweep_id]).get(sweep_id, Standing()))


@dataclass(frozen=True, kw_only=True)
class SweepFilter:
    """Which sweeps to list; None means any."""

    name: str | None = None
    study_id: str | None = None


def list_newest_first(
    session: Session, wanted: SweepFilter, *, before_id: str | None, limit: int
) -> list[Sweep]:
    """At most `limit` sweeps older than `before_id`, newest first."""
    conditions = [
        getattr(SweepRow, name) == value
        for name, value in vars(wanted).items()
        if value is not None
    ]
    if before_id is not None:
        conditions.append(SweepRow.id < before_id)
    query = select(SweepRow).where(and_(true(), *conditions))
    rows = session.scalars(query.order_by(SweepRow.id.desc()).limit(limit)).all()
    standings = _standings(session, [row.id for row in rows])
    return [_to_sweep(row, standings.get(row.id, Standing())) for row in rows]


@dataclass(kw_only=True)
class Standing:
    """Where the members of a sweep stand, and how often any of them moved or measured."""

    counts: dict[str, int] = field(default_factory=dict)
    diverged: int = 0
    done: float = 0.0
    """Sum of the members' progress."""
    moves: int = 0
    epochs: int = 0
    finished_at: datetime | None = None

    @property
    def position(self) -> tuple[int, int]:
        """Changes with every move of a member and with every epoch that it measures."""
        return self.moves, self.epochs

    @property
    def members(self) -> SweepCounts:
        return SweepCounts(**self.counts)

    def progress(self) -> SweepProgress:
        total = self.members.total
        return SweepProgress(
            status=sweep_status(self.members),
            counts=self.members,
            diverged=self.diverged,
            progress=min(self.done / total, 1.0) if total else 1.0,
        )


def standing(session: Session, sweep_id: str) -> Standing:
    """Where the sweep stands. Raises SweepNotFound. One grouped row a status, made for polling."""
    found = _standings(session, [sweep_id])
    if not found and session.get(SweepRow, sweep_id) is None:
        raise SweepNotFound(sweep_id)
    return found.get(sweep_id, Standing())


def has_ended(session: Session, sweep_id: str) -> bool:
    """Whether all of its members have. Raises SweepNotFound."""
    return standing(session, sweep_id).progress().status in TERMINAL


def standings_of_studies(session: Session, study_ids: Collection[str]) -> dict[str, Standing]:
    """Where the jobs of each study stand; of a study without jobs nothing."""
    return _standings(session, study_ids, JobRow.study_id)


def _standings(
    session: Session,
    ids: Collection[str],
    whose: InstrumentedAttribute[str | None] = JobRow.sweep_id,
) -> dict[str, Standing]:
    epochs = func.coalesce(JobRow.last_epoch, 0)
    share = cast(epochs, Double) / case((JobRow.epochs > 0, JobRow.epochs), else_=1)
    query = (
        select(
            whose.label("whose"),
            JobRow.status,
            func.count().label("jobs"),
            func.sum(case((JobRow.outcome == Outcome.DIVERGED, 1), else_=0)).label("diverged"),
            func.sum(
                case((JobRow.status == JobStatus.SUCCEEDED, literal(1.0, Double)), else_=share)
            ).label("done"),
            func.sum(JobRow.status_seq).label("moves"),
            # One more than the last epoch, so that epoch 0 counts.
            func.sum(func.coalesce(JobRow.last_epoch + 1, 0)).label("epochs"),
            func.max(JobRow.finished_at).label("finished_at"),
        )
        .where(whose.in_(ids))
        .group_by(whose, JobRow.status)
    )
    found: dict[str, Standing] = {}
    for row in session.execute(query):
        one = found.setdefault(row.whose, Standing())
        one.counts[row.status] = row.jobs
        one.diverged += int(row.diverged)
        one.done += float(row.done)
        one.moves += int(row.moves)
        one.epochs += int(row.epochs)
        if row.finished_at is not None:
            one.finished_at = max(row.finished_at, one.finished_at or row.finished_at)
    return found


def _to_sweep(row: SweepRow, standing: Standing) -> Sweep:
    progress = standing.progress()
    ended = progress.status in TERMINAL
    return Sweep(
        id=row.id,
        name=row.name,
        base=row.base,
        axes=dict(row.axes),
        mode=row.mode,
        members=row.members,
        study_id=row.study_id,
        created_at=row.created_at,
        finished_at=standing.finished_at if ended else None,
        **dict(progress),
    )


def find_locked(session: Session, sweep_id: str) -> Sweep:
    """The sweep, whose members nobody else changes until the transaction ends. Raises
    SweepNotFound."""
    session.execute(_members(sweep_id, *JobStatus)).all()
    return find(session, sweep_id)


def cancel(session: Session, sweep_id: str) -> Sweep:
    """Cancels every member that has not ended: queued ones at once, of running ones the worker is
    asked. Raises SweepNotFound, and MoveRefused where all have ended."""
    sweep = find(session, sweep_id)
    members = session.execute(_members(sweep_id, JobStatus.QUEUED, JobStatus.RUNNING)).all()
    if not members:
        raise MoveRefused(f"The sweep has ended ({sweep.status}), so there is nothing to cancel.")
    session.execute(
        update(JobRow)
        .where(
            JobRow.id.in_([member.id for member in members]), JobRow.cancel_requested_at.is_(None)
        )
        .values(cancel_requested_at=now())
    )
    queued = [member.id for member in members if member.status == JobStatus.QUEUED]
    if queued:
        end_queued(session, queued, JobStatus.CANCELLED, Reason.USER, "Cancelled while queued.")
    return find(session, sweep_id)


def retry(session: Session, sweep_id: str, *, max_queued: int | None = None) -> Sweep:
    """Sends the failed and the cancelled members back to the queue; the others keep their results.

    Raises SweepNotFound, MoveRefused where none failed or was cancelled, and QueueFull where they
    would make the queue longer than `max_queued`.
    """
    find(session, sweep_id)
    members = session.execute(_members(sweep_id, *sorted(RETRIABLE))).all()
    if not members:
        raise MoveRefused("No member of the sweep has failed or was cancelled.")
    requeue_ended(session, [member.id for member in members], max_queued=max_queued)
    return find(session, sweep_id)


def _members(sweep_id: str, *status: JobStatus) -> Select[str, str]:
    """Locks the members in the order of their ids, see docs/decisions/005-lock-order.md."""
    return (
        select(JobRow.id, JobRow.status)
        .where(JobRow.sweep_id == sweep_id, JobRow.status.in_(status))
        .order_by(JobRow.id)
        .with_for_update()
    )


@dataclass(frozen=True, kw_only=True)
class MemberResult:
    """What a member measured last of one quantity."""

    index: int
    status: JobStatus
    outcome: Outcome | None
    value: float | None


def results(session: Session, sweep_id: str, quantity: str) -> list[MemberResult]:
    """The members' last value of one column of `/epochs`, in the order of the sweep's points."""
    last = and_(EpochRow.job_id == JobRow.id, EpochRow.epoch == JobRow.last_epoch)
    query = (
        select(JobRow.sweep_index, JobRow.status, JobRow.outcome, getattr(EpochRow, quantity))
        .outerjoin(EpochRow, last)
        .where(JobRow.sweep_id == sweep_id, JobRow.sweep_index.is_not(None))
        .order_by(JobRow.sweep_index)
    )
    return [
        MemberResult(
            index=index,
            status=JobStatus(status),
            outcome=Outcome(outcome) if outcome else None,
            value=value,
        )
        for index, status, outcome, value in session.execute(query)
    ]
