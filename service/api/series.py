"""What a run measured: per epoch, per layer, per unit."""

import struct
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field, create_model

from service.api import examples
from service.api.dependencies import DatabaseDep, JobId
from service.api.errors import invalid
from service.api.openapi import problems
from service.db import jobs, metrics
from service.db.metrics import UnitEpochs
from service.domain.base import DomainModel
from service.domain.job import Job
from service.domain.lifecycle import Lifecycle, irreversible_fraction, lifecycle
from service.domain.metrics import EpochMetrics, LayerMetrics, Number

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["series"])

_OF_BYTE = {0: False, 1: True}


def _columns_of(name: str, row: type[DomainModel]) -> Any:
    """A model with a list for each field of `row`."""
    fields: dict[str, Any] = {
        field: (list[info.annotation], Field(description=info.description))  # type: ignore[name-defined]
        for field, info in row.model_fields.items()
    }
    return create_model(name, __base__=DomainModel, __doc__="Equally long lists.", **fields)


class EpochSeries(DomainModel):
    """One entry per epoch in every column."""

    job_id: str
    columns: _columns_of("EpochColumns", EpochMetrics)  # type: ignore[valid-type]


class LayerSeries(DomainModel):
    """One entry per epoch and hidden layer in every column."""

    job_id: str
    columns: _columns_of("LayerColumns", LayerMetrics)  # type: ignore[valid-type]


class UnitSeries(DomainModel):
    """One hidden layer, unit by unit. The matrices have a row per epoch."""

    job_id: str
    layer: int
    units: int
    epochs: list[int]
    activity: Annotated[list[list[Number]], Field(description="Mean |h| over the training part")]
    dead: Annotated[list[list[bool | None]], Field(description="null: the layer holds NaN")]
    lifecycles: Annotated[list[Lifecycle], Field(description="One per unit")]
    irreversible_fraction: Annotated[
        float | None,
        Field(description="Of the units dead before the last epoch, the share dead at the end"),
    ]


@router.get(
    "/epochs",
    responses={
        HTTPStatus.OK: {"content": {"application/json": {"example": examples.EPOCHS}}},
        **problems("job_not_found"),
    },
)
def read_epochs(job_id: JobId, database: DatabaseDep) -> EpochSeries:
    """Read the series of a job, a list per quantity."""
    with database.reading() as session:
        jobs.glance(session, job_id)
        return EpochSeries(job_id=job_id, columns=metrics.read_epochs(session, job_id))


@router.get("/layers", responses=problems("job_not_found"))
def read_layers(job_id: JobId, database: DatabaseDep) -> LayerSeries:
    """Read the same per hidden layer."""
    with database.reading() as session:
        jobs.glance(session, job_id)
        return LayerSeries(job_id=job_id, columns=metrics.read_layers(session, job_id))


@router.get(
    "/units",
    responses={
        HTTPStatus.OK: {"content": {"application/json": {"example": examples.UNITS}}},
        **problems("job_not_found"),
    },
)
def read_units(
    job_id: JobId,
    database: DatabaseDep,
    layer: Annotated[int, Query(ge=0, description="Hidden layer, from 0")] = 0,
) -> UnitSeries:
    """Read the life of each unit of a hidden layer: its activity, its deaths, its revivals."""
    with database.reading() as session:
        width = _width(jobs.find(session, job_id), layer)
        return _unit_series(job_id, layer, width, metrics.read_units(session, job_id, layer))


def _width(job: Job, layer: int) -> int:
    widths = job.spec.network.hidden_widths
    if layer < len(widths):
        return widths[layer]
    has = f"0 to {len(widths) - 1}" if widths else "none, for the network is linear"
    raise invalid("/query/layer", f"the hidden layers of this job are {has}")


def _unit_series(job_id: str, layer: int, width: int, kept: UnitEpochs) -> UnitSeries:
    dead = [[_OF_BYTE.get(byte) for byte in row] for row in kept.dead]
    return UnitSeries(
        job_id=job_id,
        layer=layer,
        units=width,
        epochs=kept.epochs,
        activity=[list(struct.unpack(f"<{width}f", row)) for row in kept.activity],
        dead=dead,
        lifecycles=[lifecycle(kept.epochs, [row[unit] for row in dead]) for unit in range(width)],
        irreversible_fraction=irreversible_fraction(dead),
    )
