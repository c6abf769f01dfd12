"""Whose turn it is: priority, then fairness between owners, then age; and who may post more.

An owner is whoever jobs are accounted to: the one that an API key was made for. Without keys
everybody is the same.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import func, literal, select, text
from sqlalchemy.orm import Session

from service.db import heads
from service.db.tables import JobRow, OutboxRow, OwnerRow
from service.db.types import now
from service.db.upsert import insert_or_replace
from service.domain.errors import QueueFull
from service.domain.spec import ANY_DEVICE, Device
from service.domain.states import JobStatus

# Any constant but that of the migrations.
_CLAIM_LOCK = 7_366_243

_COUNTED = 256
"""Running jobs of an owner that are told apart."""


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

    Takes the longer the more owners there are; how many jobs wait or run makes no difference.
    """
    known = standings(session, per_owner=per_owner)
    precedence = heads.least_precedence(session, devices)
    while precedence is not None:
        firsts = [
            (known.get(head.owner, NEVER_SERVED), head.id, head.owner, device)
            for device in devices
            for head in heads.oldest_of_each_owner(session, device=device, precedence=precedence)
        ]
        for standing, _, owner, device in sorted(firsts):
            if per_owner and standing.running >= per_owner:
                continue
            line = heads.oldest(device=device, precedence=precedence, owner=owner).limit(1)
            for free in session.execute(line.with_for_update(skip_locked=True)):
                return str(free.id)
        precedence = heads.least_precedence(session, devices, after=precedence)
    return None


class Standing(NamedTuple):
    """What an owner has had of the service; the smaller, the sooner it is its turn."""

    running: int
    """Jobs at the moment."""
    served_at: str
    """When one was claimed last, in a form that sorts by time."""


NEVER_SERVED = Standing(0, "")


def standings(session: Session, *, per_owner: int = 0) -> dict[str, Standing]:
    """Of all owners who were ever served.

    Running jobs are counted as far as it matters: up to `per_owner`, and to 256 at least. Owners
    who have that many are served in turns, so with ever so many slots a claim does not count what
    all of them do.
    """
    running = (
        select(literal(1))
        .where(JobRow.owner == OwnerRow.id, JobRow.status == JobStatus.RUNNING)
        .limit(max(_COUNTED, per_owner))
        .correlate(OwnerRow)
        .subquery()
    )
    counted = select(func.count()).select_from(running).scalar_subquery()
    found = session.execute(select(OwnerRow.id, OwnerRow.served_at, counted.label("running")))
    return {row.id: Standing(row.running, row.served_at.isoformat()) for row in found}


def note_served(session: Session, owners: Iterable[str]) -> None:
    """Notes that jobs of these owners are being claimed now."""
    at = session.scalar(select(now()))
    insert_or_replace(
        session, OwnerRow, [{"id": owner, "served_at": at} for owner in sorted(set(owners))]
    )
