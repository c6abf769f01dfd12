"""The moves of whoever advances studies.

A study is advanced by one conductor at a time: it holds the study by (id, attempt) while its lease
has not run out, and every move is fenced by both. A round's sweeps are stored in the transaction
that counts the round, so there are all of them or none, and never twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, insert, or_, select, update
from sqlalchemy.orm import Session

from service.db import sweeps
from service.db.changes import note_moved
from service.db.studies import ended, sweeps_of
from service.db.study_tables import StudyRow, StudySweepRow
from service.db.tables import JobRow
from service.db.turns import check_room
from service.db.types import now, now_once, now_plus
from service.domain.base import JsonObject
from service.domain.findings import Findings
from service.domain.job import SpecWarning
from service.domain.spec import JobSpec
from service.domain.states import JobStatus, Reason
from service.domain.sweep import SweepSpec

MOST_FAILURES = 3
"""Attempts in a row to post a round or to conclude, before the study fails."""
_OPEN = (JobStatus.QUEUED, JobStatus.RUNNING)


@dataclass(frozen=True, kw_only=True)
class HeldStudy:
    """A study that the caller holds, and whose jobs so far have all ended."""

    study_id: str
    attempt: int
    template: str
    options: JsonObject
    owner: str
    priority: int
    rounds: int
    sweeps: Mapping[str, str]


def take_due(session: Session, *, lease_s: float) -> HeldStudy | None:
    """Takes the oldest study that nobody holds and that waits for nothing but its next move.

    A study that was taken and not moved too often in a row fails instead: something about its
    conclusion ends processes.
    """
    unfinished = exists().where(JobRow.study_id == StudyRow.id, JobRow.status.in_(_OPEN))
    query = (
        select(StudyRow)
        .where(
            StudyRow.status.in_(_OPEN),
            StudyRow.due_at <= now_once(),
            or_(StudyRow.lease_expires_at.is_(None), StudyRow.lease_expires_at <= now_once()),
            ~unfinished,
        )
        .order_by(StudyRow.id)
        .limit(1)
        .with_for_update(skip_locked=True, of=StudyRow)
        .execution_options(populate_existing=True)
    )
    row = session.scalar(query)
    if row is None:
        return None
    if row.failures >= MOST_FAILURES:
        detail = row.detail or "The process that concluded it ended, again and again."
        _end(session, row.id, JobStatus.FAILED, Reason.INTERNAL, detail=detail)
        return None
    held = HeldStudy(
        study_id=row.id,
        attempt=row.attempt + 1,
        template=row.template,
        options=row.options,
        owner=row.owner,
        priority=row.priority,
        rounds=row.rounds,
        sweeps=sweeps_of(session, [row.id])[row.id],
    )
    # Counted now, taken back with a move: so a process that dies over it is counted, too.
    session.execute(
        update(StudyRow)
        .where(StudyRow.id == row.id)
        .values(
            attempt=held.attempt,
            failures=StudyRow.failures + 1,
            lease_expires_at=now_plus(lease_s),
        )
    )
    return held


def renew(session: Session, held: HeldStudy, *, lease_s: float) -> bool:
    """Keeps the study for another while. Returns whether it is still held."""
    return _move(session, held, lease_expires_at=now_plus(lease_s))


def post_round(
    session: Session,
    held: HeldStudy,
    planned: Sequence[tuple[str, SweepSpec, Sequence[tuple[JobSpec, list[SpecWarning]]]]],
    *,
    max_queued: int,
) -> bool:
    """Stores all sweeps of the next round, by their names, with their members. Returns False, and
    stores nothing, where the study is not held any more. Raises QueueFull."""
    moved = _move(
        session,
        held,
        status=JobStatus.RUNNING,
        rounds=held.rounds + 1,
        failures=0,
        detail=None,
        lease_expires_at=None,
        due_at=now(),
    )
    if not moved:
        return False
    check_room(session, max_queued=max_queued, adding=sum(len(m) for _, _, m in planned))
    for name, sweep, members in planned:
        posted = sweeps.submit(
            session,
            sweep,
            members,
            priority=held.priority,
            owner=held.owner,
            study_id=held.study_id,
        )
        row = {"study_id": held.study_id, "name": name, "sweep_id": posted.id}
        session.execute(insert(StudySweepRow).values(row | {"round": held.rounds + 1}))
    return True


def conclude(session: Session, held: HeldStudy, findings: Findings) -> bool:
    """Ends the study with these findings. Returns whether it was still held."""
    return _move(
        session,
        held,
        findings=findings.model_dump_json(),
        verdict=findings.verdict,
        seeds_needed=findings.seeds_needed,
        detail=None,
        **ended(JobStatus.SUCCEEDED, None),
    )


def put_off(session: Session, held: HeldStudy, *, after_s: float, failure: str = "") -> None:
    """Lets the study go, due again after a while. A `failure` counts, and is what the study fails
    with if there are too many."""
    values: dict[str, Any] = {"lease_expires_at": None, "due_at": now_plus(after_s)}
    values |= {"detail": failure} if failure else {"failures": StudyRow.failures - 1}
    _move(session, held, **values)


def refuse(session: Session, held: HeldStudy, detail: str) -> None:
    """Fails the study for good: trying again would end the same."""
    _move(session, held, detail=detail, **ended(JobStatus.FAILED, Reason.INTERNAL))


def _move(session: Session, held: HeldStudy, **values: Any) -> bool:
    """The fence: changes the study if it is open, and held in this attempt."""
    moved = session.execute(
        update(StudyRow)
        .where(
            StudyRow.id == held.study_id,
            StudyRow.attempt == held.attempt,
            StudyRow.status.in_(_OPEN),
        )
        .values(**values)
        .returning(StudyRow.id)
    ).first()
    if moved is None:
        return False
    if "status" in values:
        note_moved(session, [held.study_id])
    return True


def _end(session: Session, study_id: str, status: JobStatus, reason: Reason, detail: str) -> None:
    values = ended(status, reason) | {"detail": detail}
    session.execute(update(StudyRow).where(StudyRow.id == study_id).values(values))
    note_moved(session, [study_id])
