"""What a training needs to go on where another attempt stopped, and what it ends with."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from service.db import artifacts
from service.db.artifact_tables import ArtifactRow
from service.db.changes import note_measured
from service.db.fence import Held, lock_held, lock_with_sweeps
from service.db.rollups import SIZES
from service.db.tables import (
    CheckpointRow,
    CoarseRollupRow,
    EpochRow,
    JobRow,
    LayerRow,
    RollupRow,
    UnitRow,
    WeightsRow,
)
from service.db.upsert import insert_or_replace
from service.domain.artifacts import Content


def keep(session: Session, held: Held, saved: Sequence[tuple[str, int, Content]]) -> None:
    """Keeps (job, epoch, content), the newest of a job, of jobs that are still held. Raises
    ObjectSwept."""
    newest = {job_id: (epoch, content) for job_id, epoch, content in saved if job_id in held}
    if not newest:
        return
    mine = lock_held(session, {job_id: held[job_id] for job_id in newest})
    rows = [
        {"job_id": job_id, "attempt": held[job_id], "epoch": epoch}
        | {"payload": artifacts.payload_of(content)}
        for job_id, (epoch, content) in newest.items()
        if job_id in mine
    ]
    insert_or_replace(session, CheckpointRow, rows)
    kept = {job_id: content for job_id, (_, content) in newest.items() if job_id in mine}
    artifacts.name(session, ArtifactRow.checkpoint_of, kept)


def keep_weights(session: Session, held: Held, weights: Mapping[str, Content]) -> None:
    """Keeps what held jobs end with, in the transaction that ends them. Raises ObjectSwept."""
    wanted = {job_id: held[job_id] for job_id in weights if job_id in held}
    mine = lock_held(session, wanted) if wanted else set()
    rows = [
        {"job_id": job_id, "attempt": held[job_id]}
        | {"payload": artifacts.payload_of(weights[job_id])}
        for job_id in sorted(mine)
    ]
    insert_or_replace(session, WeightsRow, rows)
    artifacts.name(session, ArtifactRow.weights_of, {job_id: weights[job_id] for job_id in mine})


def read(session: Session, job_ids: Sequence[str]) -> dict[str, Content]:
    """The checkpoints that there are of these jobs."""
    query = (
        select(CheckpointRow.job_id, CheckpointRow.payload, *artifacts.COLUMNS)
        .outerjoin(ArtifactRow, ArtifactRow.checkpoint_of == CheckpointRow.job_id)
        .where(CheckpointRow.job_id.in_(job_ids))
    )
    found = session.execute(query)
    return {row.job_id: artifacts.content_of(row.payload, row) for row in found}


def read_weights(session: Session, job_id: str) -> Content | None:
    """What the job ended with; None where that was not kept."""
    query = (
        select(WeightsRow.payload, *artifacts.COLUMNS)
        .outerjoin(ArtifactRow, ArtifactRow.weights_of == WeightsRow.job_id)
        .where(WeightsRow.job_id == job_id)
    )
    row = session.execute(query).first()
    return None if row is None else artifacts.content_of(row.payload, row)


def adopt(session: Session, held: Held, resumed: Mapping[str, int]) -> None:
    """Makes what earlier attempts measured up to the epoch of the checkpoint this attempt's own,
    and removes what they measured after it. Nothing of jobs that are not held any more."""
    wanted = {job_id: held[job_id] for job_id in resumed if job_id in held}
    mine = lock_with_sweeps(session, wanted)
    for job_id in sorted(mine):
        epoch, attempt = resumed[job_id], {"attempt": held[job_id]}
        tables: list[tuple[Any, Any]] = [
            (table, table.epoch <= epoch) for table in (EpochRow, LayerRow, UnitRow)
        ]
        tables.append((RollupRow, (RollupRow.bucket + 1) * SIZES[0] <= epoch + 1))
        ends = (CoarseRollupRow.bucket + 1) * CoarseRollupRow.size
        tables.append((CoarseRollupRow, ends <= epoch + 1))
        for table, is_before in tables:
            of_job = table.job_id == job_id
            session.execute(update(table).where(of_job, is_before).values(attempt))
            session.execute(delete(table).where(of_job, ~is_before))
        session.execute(update(JobRow).where(JobRow.id == job_id).values(last_epoch=epoch))
    note_measured(session, {*mine, *mine.values()})
