"""The life of each unit of a hidden layer."""

import math
import struct
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from service.api import examples
from service.api.dependencies import DatabaseDep, JobId
from service.api.errors import invalid
from service.api.openapi import problems
from service.db import jobs, metrics
from service.db.metrics import UnitEpochs
from service.domain.job import Job
from service.domain.lifecycle import irreversible_fraction, lifecycle
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
    dead = [[_OF_BYTE.get(byte) for byte in row] for row in kept.dead]
    activity = [list(struct.unpack(f"<{width}f", row)) for row in kept.activity]
    size = -(-len(activity) // max_points) if max_points else 1
    # The last epoch of each point.
    shown = [min(end, len(activity)) - 1 for end in range(size, len(activity) + size, size)]
    extremes = _extremes(activity, size) if size > 1 else {}
    return UnitSeries(
        job_id=job_id,
        layer=layer,
        units=width,
        epochs_per_point=max(size, 1),
        epochs=[kept.epochs[at] for at in shown],
        activity=[activity[at] for at in shown],
        dead=[dead[at] for at in shown],
        lifecycles=[lifecycle(kept.epochs, [row[unit] for row in dead]) for unit in range(width)],
        irreversible_fraction=irreversible_fraction(dead),
        **extremes,
    )


_Matrix = list[list[float]]
"""A row per epoch, or per point; a value per unit."""


def _extremes(activity: _Matrix, size: int) -> dict[str, _Matrix]:
    """Of each unit over every `size` epochs; NaN where one of the values is NaN."""
    points = [activity[first : first + size] for first in range(0, len(activity), size)]
    ends: dict[str, Callable[[Sequence[float]], float]] = {"minimum": min, "maximum": max}
    return {
        name: [
            [
                math.nan if any(map(math.isnan, unit)) else end(unit)
                for unit in zip(*rows, strict=True)
            ]
            for rows in points
        ]
        for name, end in ends.items()
    }
