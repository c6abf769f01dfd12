"""Whose turn it is: priority, then fairness between owners, then age; and who may post more.

An owner is whoever jobs are accounted to: the one that an API key was made for. Without keys
everybody is the same.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from service.db.tables import JobRow, OutboxRow, OwnerRow
from service.db.types import now
from service.db.upsert import insert_or_replace
from service.domain.errors import QueueFull
from service.domain.spec import ANY_DEVICE, Device
from service.domain.states import JobStatus

# Any constant but that of the migrations.
_CLAIM_LOCK = 7_366_243


def check_room(session: Session, *, max_queued: int, adding: int = 1) -> None:
    """Raises QueueFull where so many more jobs would make the queue longer than `max_queued`.

    Jobs submitted at the same moment do not see each other: the limit keeps a queue bounded, it
    does not count to the last job.
    """
    # One more than fits tells enough, however long the queue is.
    some = select(OutboxRow.job_id).limit(max_queued + 1).subquery()
    waiting = session.scalar(select(func.count()).select_from(some)) or 0
    if waiting + adding > max_queued:
        raise QueueFull(waiting, max_queued)


def anything_waits(session: Session, *, devices: Sequence[Device] = ANY_DEVICE) -> bool:
    """Whether a claim might find something: one glance, without any lock."""
    waiting = select(JobRow.id).where(JobRow.status == JobStatus.QUEUED, JobRow.device.in_(devices))
    return session.scalar(waiting.limit(1)) is not None


def take_turn(session: Session) -> None:
    """Lets claims follow one another, so that each counts what the one before took. SQLite's
    write lock does so already."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _CLAIM_LOCK})


def next_in_line(
    session: Session, *, per_owner: int, devices: Sequence[Device] = ANY_DEVICE
) -> str | None:
    """The queued job whose turn it is among those for one of these devices, locked; None where
    nobody waits whom the limit lets run.

    Highest priority first. Among equals: of the owner with the fewest running jobs, then of the
    one served longest ago; then the oldest. `per_owner` bounds the running jobs of an owner (0:
    no bound). Jobs that another transaction holds are passed over. Call `take_turn` before.
    """
    running, served = running_by_owner(session), served_by_owner(session)
    groups = session.execute(
        select(JobRow.precedence, JobRow.owner)
        .where(JobRow.status == JobStatus.QUEUED)
        .group_by(JobRow.precedence, JobRow.owner)
    ).all()
    groups = [one for one in groups if not per_owner or running.get(one.owner, 0) < per_owner]
    groups.sort(
        key=lambda one: (one.precedence, running.get(one.owner, 0), served.get(one.owner, ""))
    )
    for group in groups:
        oldest: Select[str] = (
            select(JobRow.id)
            .where(
                JobRow.status == JobStatus.QUEUED,
                JobRow.owner == group.owner,
                JobRow.precedence == group.precedence,
                JobRow.device.in_(devices),
            )
            .order_by(JobRow.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        job_id = session.scalar(oldest)
        if job_id is not None:
            return job_id
    return None


def running_by_owner(session: Session) -> dict[str, int]:
    """How many jobs of each owner run at the moment."""
    counts = (
        select(JobRow.owner, func.count().label("jobs"))
        .where(JobRow.status == JobStatus.RUNNING)
        .group_by(JobRow.owner)
    )
    return {row.owner: row.jobs for row in session.execute(counts)}


def served_by_owner(session: Session) -> dict[str, str]:
    """When a job of each owner was claimed last, in a form that sorts by time."""
    served = session.execute(select(OwnerRow.id, OwnerRow.served_at))
    return {row.id: row.served_at.isoformat() for row in served}


def note_served(session: Session, owners: Iterable[str]) -> None:
    """Notes that jobs of these owners are being claimed now."""
    at = session.scalar(select(now()))
    insert_or_replace(
        session, OwnerRow, [{"id": owner, "served_at": at} for owner in sorted(set(owners))]
    )
