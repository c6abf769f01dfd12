"""The life of each unit of a hidden layer."""

import math
import struct
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from service.api.dependencies import DatabaseDep, JobId
from service.api.errors import invalid
from service.api.examples import jobs as examples
from service.api.openapi import problems
from service.db import jobs, metrics
from service.db.metrics import UnitEpochs
from service.domain.job import Job
from service.domain.lifecycle import Dead, Lifecycle, irreversible_fraction, lifecycle
from service.domain.series import UnitSeries

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["series"])

_OF_BYTE = {0: False, 1: True}


@router.get(
    "/units",
    response_model_exclude_unset=True,
    responses={
        HTTPStatus.OK: {"content": {"application/json": {"example": examples.UNITS}}},
        **problems("job_not_found"),
    },
)
def read_units(
    job_id: JobId,
    database: DatabaseDep,
    layer: Annotated[int, Query(ge=0, description="Hidden layer, from 0")] = 0,
    max_points: Annotated[
        int | None,
        Query(ge=1, le=10_000, description="At most so many points, extremes kept; left out: all"),
    ] = None,
) -> UnitSeries:
    """Read the life of each unit of a hidden layer: its activity, its deaths, its revivals."""
    with database.reading() as session:
        width = _width(jobs.find(session, job_id), layer)
        kept = metrics.read_units(session, job_id, layer)
    return _unit_series(job_id, layer, width, kept, max_points)


def _width(job: Job, layer: int) -> int:
    widths = job.spec.network.hidden_widths
    if layer < len(widths):
        return widths[layer]
    has = f"0 to {len(widths) - 1}" if widths else "none, for the network is linear"
    raise invalid("/query/layer", f"the hidden layers of this job are {has}")


def _unit_series(
    job_id: str, layer: int, width: int, kept: UnitEpochs, max_points: int | None
) -> UnitSeries:
    activity = list(map(struct.Struct(f"<{width}f").unpack, kept.activity))
    size = max(1, -(-len(activity) // max_points)) if max_points else 1
    # The last epoch of each point.
    shown = [min(end, len(activity)) - 1 for end in range(size, len(activity) + size, size)]
    extremes = _extremes(activity, size) if size > 1 else {}
    lives, irreversible = _lives(kept.epochs, kept.dead, width)
    return UnitSeries(
        job_id=job_id,
        layer=layer,
        units=width,
        epochs_per_point=size,
        epochs=[kept.epochs[at] for at in shown],
        activity=[list(activity[at]) for at in shown],
        dead=[_dead(kept.dead[at]) for at in shown],
        lifecycles=lives,
        irreversible_fraction=irreversible,
        **extremes,
    )


def _dead(row: bytes) -> list[Dead]:
    return [_OF_BYTE.get(byte) for byte in row]


def _lives(
    epochs: Sequence[int], rows: Sequence[bytes], width: int
) -> tuple[list[Lifecycle], float | None]:
    """Each unit's lifecycle, and the layer's irreversible fraction. Looks only at epochs at which
    something changed: of thousands these are few."""
    changes = [at for at, row in enumerate(rows) if at == 0 or row != rows[at - 1]]
    dead = {at: _dead(rows[at]) for at in {*changes, len(rows) - 1} if at >= 0}
    when = [epochs[at] for at in changes]
    lives = [lifecycle(when, [dead[at][unit] for at in changes]) for unit in range(width)]
    earlier = [dead[at] for at in changes if at < len(rows) - 1]
    return lives, irreversible_fraction([*earlier, dead[len(rows) - 1]] if rows else [])


_Matrix = list[list[float]]
"""A row per epoch, or per point; a value per unit."""


def _extremes(activity: Sequence[tuple[float, ...]], size: int) -> dict[str, _Matrix]:
    """Of each unit over every `size` epochs; NaN where one of the values is NaN."""
    points = [activity[first : first + size] for first in range(0, len(activity), size)]
    ends: dict[str, Callable[[Iterable[float]], float]] = {"minimum": min, "maximum": max}
    return {name: [_ends_of(end, rows) for rows in points] for name, end in ends.items()}


def _ends_of(
    end: Callable[[Iterable[float]], float], rows: Sequence[tuple[float, ...]]
) -> list[float]:
    columns = zip(*rows, strict=True)
    if not any(math.isnan(sum(row)) for row in rows):  # cheaper than to look at each value
        return list(map(end, columns))
    return [math.nan if any(map(math.isnan, unit)) else end(unit) for unit in columns]
