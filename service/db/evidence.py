"""What the jobs of a study measured, for those who conclude from it. Each question is a
transaction of its own: conclusions take seconds, and ended jobs do not change."""

import json
import struct
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from service.db import checkpoints, metrics
from service.db.engine import Database
from service.db.tables import EpochRow, JobRow, LayerRow, SweepRow
from service.domain.artifacts import Content
from service.domain.evidence import Record, UnitHistory, Value
from service.domain.metrics import EPOCH_COLUMNS, LAYER_COLUMNS
from service.domain.states import JobStatus, Outcome
from service.domain.sweep import SweepMode, SweepSpec, points

_OF_BYTE = {0: False, 1: True}


class EvidenceReader:
    """Reads by sweep. Jobs that were deleted are not there."""

    def __init__(
        self,
        database: Database,
        fetch: Callable[[Callable[[Session], Content | None]], bytes | None],
    ) -> None:
        """`fetch`: the bytes of what a look at the database finds, wherever they lie."""
        self._database, self._fetch = database, fetch

    def records(self, sweep_id: str) -> list[Record]:
        last = and_(EpochRow.job_id == JobRow.id, EpochRow.epoch == JobRow.last_epoch)
        query = (
            select(JobRow, EpochRow)
            .outerjoin(EpochRow, last)
            .where(JobRow.sweep_id == sweep_id, JobRow.sweep_index.is_not(None))
            .order_by(JobRow.sweep_index)
        )
        with self._database.reading() as session:
            sweep = session.get_one(SweepRow, sweep_id)
            posted = SweepSpec(base=sweep.base, axes=dict(sweep.axes), mode=SweepMode(sweep.mode))
            at = list(points(posted.axes, posted.mode))
            return [
                _record(job, last, dict(at[job.sweep_index or 0]))
                for job, last in session.execute(query)
            ]

    def epochs(self, sweep_id: str, column: str) -> dict[str, list[Value]]:
        value = getattr(EpochRow, _known(column, EPOCH_COLUMNS))
        query = (
            select(EpochRow.job_id, value)
            .join(JobRow, JobRow.id == EpochRow.job_id)
            .where(JobRow.sweep_id == sweep_id)
            .order_by(EpochRow.job_id, EpochRow.epoch)
        )
        found: dict[str, list[Value]] = defaultdict(list)
        with self._database.reading() as session:
            for job_id, measured in session.execute(query):
                found[job_id].append(measured)
        return found

    def layers(self, sweep_id: str, column: str) -> dict[str, list[tuple[int, int, Value]]]:
        value = getattr(LayerRow, _known(column, LAYER_COLUMNS))
        query = (
            select(LayerRow.job_id, LayerRow.epoch, LayerRow.layer, value)
            .join(JobRow, JobRow.id == LayerRow.job_id)
            .where(JobRow.sweep_id == sweep_id)
            .order_by(LayerRow.job_id, LayerRow.epoch, LayerRow.layer)
        )
        found: dict[str, list[tuple[int, int, Value]]] = defaultdict(list)
        with self._database.reading() as session:
            for job_id, epoch, layer, measured in session.execute(query):
                found[job_id].append((epoch, layer, measured))
        return found

    def units(self, job_id: str, layer: int) -> UnitHistory:
        with self._database.reading() as session:
            kept = metrics.read_units(session, job_id, layer)
        return UnitHistory(
            epochs=kept.epochs,
            dead=[[_OF_BYTE.get(byte) for byte in row] for row in kept.dead],
            activity=[struct.unpack(f"<{len(row) // 4}f", row) for row in kept.activity],
        )

    def weights(self, job_id: str) -> dict[str, tuple[float, ...]] | None:
        payload = self._fetch(lambda session: checkpoints.read_weights(session, job_id))
        return None if payload is None else _parse_safetensors(payload)


_FLOATS = {"F64": "d", "F32": "f", "F16": "e"}


def _parse_safetensors(payload: bytes) -> dict[str, tuple[float, ...]]:
    """The tensors of the file, flattened: eight bytes say how long the JSON header is, which says
    where each one's numbers are. bfloat16 is the upper half of a float32."""
    (length,) = struct.unpack_from("<Q", payload)
    header = json.loads(payload[8 : 8 + length])
    found = {}
    for name, at in header.items():
        if name == "__metadata__":
            continue
        first, last = (8 + length + offset for offset in at["data_offsets"])
        raw, form = payload[first:last], _FLOATS.get(at["dtype"])
        if form is None:
            raw = b"".join(b"\0\0" + raw[i : i + 2] for i in range(0, len(raw), 2))
            form = "f"
        found[name] = struct.unpack(f"<{len(raw) // struct.calcsize(form)}{form}", raw)
    return found


def _known(column: str, columns: tuple[str, ...]) -> str:
    if column not in columns:
        raise ValueError(f"{column!r} is not measured; there is {', '.join(columns)}")
    return column


def _record(job: JobRow, last: EpochRow | None, point: dict[str, Any]) -> Record:
    return Record(
        job_id=job.id,
        seed=job.spec["seed"],
        point=point,
        spec=job.spec,
        status=JobStatus(job.status),
        outcome=Outcome(job.outcome) if job.outcome else None,
        diverged_at_step=job.diverged_at_step,
        environment=job.environment,
        last={} if last is None else {name: getattr(last, name) for name in EPOCH_COLUMNS},
    )
