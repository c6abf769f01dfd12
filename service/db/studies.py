"""Submitting, reading, listing and cancelling studies, and the moves of whoever advances them.

A study is advanced by one conductor at a time: it holds the study by (id, attempt) while its lease
has not run out, and every move is fenced by both. A round's sweeps are stored in the transaction
that counts the round, so there are all of them or none, and never twice.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, exists, insert, or_, select, true, update
from sqlalchemy.orm import Session

from service.db import sweeps
from service.db.jobs import claim_key
from service.db.study_tables import StudyRow, StudySweepRow
from service.db.sweeps import Standing
from service.db.tables import DEFAULT_OWNER, JobRow
from service.db.turns import check_room
from service.db.types import now, now_once, now_plus
from service.domain.base import JsonObject
from service.domain.errors import MoveRefused, ReportNotWritten, StudyNotFound
from service.domain.findings import Findings, Verdict
from service.domain.ids import new_id
from service.domain.job import SpecWarning
from service.domain.spec import JobSpec
from service.domain.states import TERMINAL, JobStatus, Reason
from service.domain.study import Scale, Study, StudySpec
from service.domain.sweep import SweepSpec

MOST_FAILURES = 3
"""Attempts in a row to post a round or to conclude, before the study fails."""
_OPEN = (JobStatus.QUEUED, JobStatus.RUNNING)


def submit(
    session: Session,
    spec: StudySpec,
    *,
    claim: str,
    options: JsonObject,
    priority: int = 0,
    owner: str = DEFAULT_OWNER,
    idempotency: tuple[str, str] | None = None,
) -> Study:
    """Stores a study; its jobs are made by whoever advances it. `idempotency` as for jobs."""
    study_id = new_id("std")
    if idempotency is not None:
        earlier = claim_key(session, *idempotency, study_id)
        if earlier is not None:
            return find(session, earlier)
    session.execute(
        insert(StudyRow).values(
            id=study_id,
            template=spec.template,
            claim=claim,
            scale=spec.scale,
            overrides=spec.overrides,
            options=options,
            owner=owner,
            priority=priority,
            status=JobStatus.QUEUED,
            due_at=now(),
            created_at=now(),
        )
    )
    return find(session, study_id)


def find(session: Session, study_id: str) -> Study:
    """The study with this id. Raises StudyNotFound."""
    return _to_studies(session, [_get(session, study_id)])[0]


def has_ended(session: Session, study_id: str) -> bool:
    """Raises StudyNotFound. One small row, made for polling."""
    status = session.scalar(select(StudyRow.status).where(StudyRow.id == study_id))
    if status is None:
        raise StudyNotFound(study_id)
    return status in TERMINAL


def read_findings(session: Session, study_id: str) -> tuple[Study, Findings]:
    """Raises StudyNotFound, and ReportNotWritten where it has not succeeded (yet)."""
    study = find(session, study_id)
    written = session.scalar(select(StudyRow.findings).where(StudyRow.id == study_id))
    if written is None:
        raise ReportNotWritten(study_id, study.status)
    return study, Findings.model_validate_json(written)


@dataclass(frozen=True, kw_only=True)
class StudyFilter:
    """Which studies to list; None means any."""

    template: str | None = None
    status: JobStatus | None = None
    verdict: Verdict | None = None


def list_newest_first(
    session: Session, wanted: StudyFilter, *, before_id: str | None, limit: int
) -> list[Study]:
    """At most `limit` studies older than `before_id`, newest first."""
    conditions = [
        getattr(StudyRow, name) == value
        for name, value in vars(wanted).items()
        if value is not None
    ]
    if before_id is not None:
        conditions.append(StudyRow.id < before_id)
    query = _rows().where(and_(true(), *conditions)).order_by(StudyRow.id.desc()).limit(limit)
    return _to_studies(session, session.scalars(query).all())


def cancel(session: Session, study_id: str) -> Study:
    """Ends the study at once, and cancels its jobs as their sweeps' cancel does.

    Raises StudyNotFound, and MoveRefused where it has ended.
    """
    query = select(StudyRow.status).where(StudyRow.id == study_id).with_for_update()
    status = session.scalar(query)
    if status is None:
        raise StudyNotFound(study_id)
    if status in TERMINAL:
        raise MoveRefused(f"The study has ended ({status}), so there is nothing to cancel.")
    session.execute(
        update(StudyRow)
        .where(StudyRow.id == study_id)
        .values(cancel_requested_at=now(), **_ended(JobStatus.CANCELLED, Reason.USER))
    )
    for sweep_id in _sweeps_of(session, [study_id])[study_id].values():
        if sweeps.standing(session, sweep_id).progress().status not in TERMINAL:
            sweeps.cancel(session, sweep_id)
    return find(session, study_id)


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
        sweeps=_sweeps_of(session, [row.id])[row.id],
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
        **_ended(JobStatus.SUCCEEDED, None),
    )


def put_off(session: Session, held: HeldStudy, *, after_s: float, failure: str = "") -> None:
    """Lets the study go, due again after a while. A `failure` counts, and is what the study fails
    with if there are too many."""
    values: dict[str, Any] = {"lease_expires_at": None, "due_at": now_plus(after_s)}
    values |= {"detail": failure} if failure else {"failures": StudyRow.failures - 1}
    _move(session, held, **values)


def refuse(session: Session, held: HeldStudy, detail: str) -> None:
    """Fails the study for good: trying again would end the same."""
    _move(session, held, detail=detail, **_ended(JobStatus.FAILED, Reason.INTERNAL))


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
    )
    return moved.first() is not None


def _end(session: Session, study_id: str, status: JobStatus, reason: Reason, detail: str) -> None:
    ended = _ended(status, reason) | {"detail": detail}
    session.execute(update(StudyRow).where(StudyRow.id == study_id).values(ended))


def _ended(status: JobStatus, reason: Reason | None) -> dict[str, Any]:
    return {
        "status": status,
        "reason": reason,
        "finished_at": now(),
        "lease_expires_at": None,
    }


def _rows() -> Select[StudyRow]:
    return select(StudyRow).execution_options(populate_existing=True)


def _get(session: Session, study_id: str) -> StudyRow:
    row = session.scalar(_rows().where(StudyRow.id == study_id))
    if row is None:
        raise StudyNotFound(study_id)
    return row


def _sweeps_of(session: Session, study_ids: Collection[str]) -> dict[str, dict[str, str]]:
    """Ids of their sweeps by name, in the order in which they were posted."""
    query = (
        select(StudySweepRow.study_id, StudySweepRow.name, StudySweepRow.sweep_id)
        .where(StudySweepRow.study_id.in_(study_ids))
        .order_by(StudySweepRow.sweep_id)
    )
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for study_id, name, sweep_id in session.execute(query):
        found[study_id][name] = sweep_id
    return found


def _to_studies(session: Session, rows: Sequence[StudyRow]) -> list[Study]:
    ids = [row.id for row in rows]
    posted, standings = _sweeps_of(session, ids), sweeps.standings_of_studies(session, ids)
    return [_to_study(row, posted[row.id], standings.get(row.id, Standing())) for row in rows]


def _to_study(row: StudyRow, posted: dict[str, str], standing: Standing) -> Study:
    # No job yet is no progress; a study that has succeeded is done whatever became of its jobs.
    progress = standing.progress().progress if standing.counts else 0.0
    return Study(
        id=row.id,
        template=row.template,
        claim=row.claim,
        scale=Scale(row.scale),
        overrides=row.overrides,
        options=row.options,
        status=JobStatus(row.status),
        reason=Reason(row.reason) if row.reason else None,
        detail=row.detail,
        verdict=Verdict(row.verdict) if row.verdict else None,
        seeds_needed=row.seeds_needed,
        rounds=row.rounds,
        sweeps=posted,
        counts=standing.members,
        progress=1.0 if row.status == JobStatus.SUCCEEDED else progress,
        created_at=row.created_at,
        finished_at=row.finished_at,
        cancel_requested_at=row.cancel_requested_at,
    )
