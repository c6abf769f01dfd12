"""Submitting, reading, listing and cancelling studies. `service.db.study_moves` advances them."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, insert, select, true, update
from sqlalchemy.orm import Session

from service.db import sweeps
from service.db.audit import name_resource
from service.db.changes import note_moved
from service.db.idempotency import claim_key
from service.db.study_tables import StudyRow, StudySweepRow
from service.db.sweeps import Standing
from service.db.types import now
from service.domain.access import DEFAULT_OWNER
from service.domain.base import JsonObject
from service.domain.errors import MoveRefused, ReportNotWritten, StudyNotFound
from service.domain.findings import Findings, Verdict
from service.domain.ids import new_id
from service.domain.states import TERMINAL, JobStatus, Reason
from service.domain.study import Scale, Study, StudySpec


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
        earlier = claim_key(session, *idempotency, study_id, owner=owner)
        if earlier is not None:
            return find(session, earlier)
    name_resource(session, study_id)
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


def find_locked(session: Session, study_id: str) -> Study:
    """The study, which nobody else changes until the transaction ends, nor its jobs. Raises
    StudyNotFound."""
    session.execute(select(StudyRow.id).where(StudyRow.id == study_id).with_for_update()).all()
    for sweep_id in sweeps_of(session, [study_id])[study_id].values():
        sweeps.find_locked(session, sweep_id)
    return find(session, study_id)


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
        .values(cancel_requested_at=now(), **ended(JobStatus.CANCELLED, Reason.USER))
    )
    note_moved(session, [study_id])
    for sweep_id in sweeps_of(session, [study_id])[study_id].values():
        if sweeps.standing(session, sweep_id).progress().status not in TERMINAL:
            sweeps.cancel(session, sweep_id)
    return find(session, study_id)


def ended(status: JobStatus, reason: Reason | None) -> dict[str, Any]:
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


def sweeps_of(session: Session, study_ids: Collection[str]) -> dict[str, dict[str, str]]:
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
    posted, standings = sweeps_of(session, ids), sweeps.standings_of_studies(session, ids)
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
