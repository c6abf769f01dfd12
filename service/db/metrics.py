"""Writing and reading what training measured."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Table, bindparam, func, select, update
from sqlalchemy.orm import Session

from service.db import rollups
from service.db.changes import note_measured
from service.db.fence import Held, lock_with_sweeps
from service.db.tables import EpochRow, JobRow, LayerRow, UnitRow
from service.db.upsert import insert_or_replace
from service.domain.events import EpochEvent
from service.domain.metrics import EPOCH_COLUMNS, LAYER_COLUMNS, EpochMetrics

Columns = dict[str, list[Any]]
"""Values by column name; all lists are equally long."""


def record_epochs(session: Session, held: Held, events: Sequence[EpochEvent]) -> set[str]:
    """Writes epochs of held jobs and returns the jobs that were still held.

    Repeating a write changes nothing: an epoch's row is replaced, never doubled. Events of jobs
    that the caller lost are dropped.
    """
    sweeps = lock_with_sweeps(session, held)
    mine = set(sweeps)
    kept = [event for event in events if event.member in mine]
    epochs, layers, units = [], [], []
    for event in kept:
        key = {"job_id": event.member, "attempt": held[event.member]}
        at = key | {"epoch": event.metrics.epoch}
        epochs.append(at | _values(event.metrics))
        layers += [key | _values(layer) for layer in event.layers]
        units += [
            at
            | {
                "layer": unit.layer,
                "activity": base64.b64decode(unit.activity),
                "dead": base64.b64decode(unit.dead),
            }
            for unit in event.units
        ]
    insert_or_replace(session, EpochRow, epochs)
    insert_or_replace(session, LayerRow, layers)
    insert_or_replace(session, UnitRow, units)
    rollups.roll_up(session, held, [(event.member, event.metrics.epoch) for event in kept])
    newest: dict[str, int] = {}
    for event in kept:
        newest[event.member] = max(event.metrics.epoch, newest.get(event.member, 0))
    if newest:
        jobs = cast(Table, JobRow.__table__)
        session.connection().execute(
            update(jobs)
            .where(
                jobs.c.id == bindparam("member"),
                func.coalesce(jobs.c.last_epoch, -1) < bindparam("newest"),
            )
            .values(last_epoch=bindparam("newest")),
            [{"member": member, "newest": epoch} for member, epoch in newest.items()],
        )
    note_measured(session, {*newest, *(sweeps[member] for member in newest)})
    return mine


def _values(metrics: Any) -> dict[str, Any]:
    # Not model_dump(), which costs ten times as much per row.
    return dict(metrics.__dict__)


def read_epochs(session: Session, job_id: str, names: Sequence[str] = EPOCH_COLUMNS) -> Columns:
    """The job's series, a list per column in order of epochs."""
    return _columns(session, EpochRow, names, job_id, (EpochRow.epoch,))


def read_layers(session: Session, job_id: str, names: Sequence[str] = LAYER_COLUMNS) -> Columns:
    """The series of the job's hidden layers, in order of epochs, then layers."""
    return _columns(session, LayerRow, names, job_id, (LayerRow.epoch, LayerRow.layer))


def layers_met_at(session: Session, job_ids: Sequence[str], step: int) -> list[int]:
    """The hidden layers in which a job's first effective hit of an epoch was at this step."""
    query = (
        select(LayerRow.layer)
        .where(LayerRow.job_id.in_(job_ids), LayerRow.first_effective_step == step)
        .distinct()
    )
    return list(session.scalars(query))


def _columns(session: Session, table: Any, names: Any, job_id: str, order: Any) -> Columns:
    wanted = [getattr(table, name) for name in names]
    rows = session.execute(select(*wanted).where(table.job_id == job_id).order_by(*order)).all()
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return {name: list(column) for name, column in zip(names, columns, strict=True)}


def epochs_after(
    session: Session, job_id: str, *, after_epoch: int, limit: int
) -> list[EpochMetrics]:
    """The job's epochs after the given one (-1: from the first), in order."""
    query = (
        select(*(getattr(EpochRow, name) for name in EPOCH_COLUMNS))
        .where(EpochRow.job_id == job_id, EpochRow.epoch > after_epoch)
        .order_by(EpochRow.epoch)
        .limit(limit)
    )
    return [EpochMetrics(**row._mapping) for row in session.execute(query)]


@dataclass(frozen=True, kw_only=True)
class UnitEpochs:
    """One hidden layer over the epochs, an entry per epoch."""

    epochs: list[int]
    activity: list[bytes]
    """Little-endian float32, one per unit."""
    dead: list[bytes]
    """One byte per unit: 1 dead, 0 alive, 255 unknown."""


def read_units(session: Session, job_id: str, layer: int) -> UnitEpochs:
    """What was kept of each unit of the layer; empty where nothing was."""
    query = (
        select(UnitRow.epoch, UnitRow.activity, UnitRow.dead)
        .where(UnitRow.job_id == job_id, UnitRow.layer == layer)
        .order_by(UnitRow.epoch)
    )
    rows = session.execute(query).all()
    return UnitEpochs(
        epochs=[row.epoch for row in rows],
        activity=[row.activity for row in rows],
        dead=[row.dead for row in rows],
    )
