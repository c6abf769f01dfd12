"""What a run measured, per epoch and per layer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from service.api import tabular
from service.api.dependencies import DatabaseDep, JobId
from service.api.errors import invalid
from service.api.examples import files
from service.api.examples import jobs as examples
from service.api.negotiation import choose
from service.api.openapi import joined_by_commas, problems
from service.db import Database, Session, jobs, metrics, thinning
from service.db.metrics import Columns
from service.db.thinning import Thinned
from service.domain.base import DomainModel
from service.domain.metrics import Count, EpochMetrics, LayerMetrics
from service.domain.series import EpochSeries, LayerSeries

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["series"])


def _columns_of(row: type[DomainModel]) -> Any:
    return Field(
        max_length=2000,
        description="Names joined by commas; left out: all of them",
        json_schema_extra=joined_by_commas(row.model_fields),
    )


class SeriesQuery(BaseModel):
    """Which part of a series to read."""

    model_config = ConfigDict(extra="forbid")

    columns: str | None = None
    max_points: Annotated[
        int | None,
        Field(
            ge=1,
            le=10_000,
            description="At most so many points (of each layer), extremes kept; left out: all",
        ),
    ] = None


class EpochQuery(SeriesQuery):
    columns: Annotated[str | None, _columns_of(EpochMetrics)] = None


class LayerQuery(SeriesQuery):
    columns: Annotated[str | None, _columns_of(LayerMetrics)] = None


_Accept = Annotated[str | None, Header(alias="Accept", include_in_schema=False)]


def _forms(example: Any, csv: str, parquet: Any) -> dict[int | str, dict[str, Any]]:
    binary = {"schema": {"type": "string", "contentMediaType": tabular.PARQUET}}
    content = {
        tabular.JSON: {"example": example},
        tabular.CSV: {"schema": {"type": "string"}, "example": csv},
        tabular.PARQUET: binary | {"examples": parquet},
    }
    return {HTTPStatus.OK: {"content": content}}


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """What distinguishes the two series."""

    name: str
    row: type[DomainModel]
    model: type[DomainModel]
    read: Callable[[Session, str, Sequence[str]], Columns]
    thin: Callable[..., Thinned | None]

    @property
    def counts(self) -> frozenset[str]:
        """The columns of integers."""
        fields = self.row.model_fields.items()
        return frozenset(name for name, field in fields if field.annotation in (int, Count))


_EPOCHS = _Kind(
    name="epochs",
    row=EpochMetrics,
    model=EpochSeries,
    read=metrics.read_epochs,
    thin=thinning.thin_epochs,
)
_LAYERS = _Kind(
    name="layers",
    row=LayerMetrics,
    model=LayerSeries,
    read=metrics.read_layers,
    thin=thinning.thin_layers,
)


def _answer(
    kind: _Kind, job_id: str, database: Database, query: SeriesQuery, accept: str | None
) -> Response:
    form = choose(accept, tabular.FORMS)
    names = _named(query.columns, tuple(kind.row.model_fields))
    thinned = None
    with database.reading() as session:
        jobs.glance(session, job_id)
        if query.max_points is not None:
            thinned = kind.thin(session, job_id, names, max_points=query.max_points)
        columns = thinned.columns if thinned else kind.read(session, job_id, names)
    if form == tabular.JSON:
        known = {"job_id": job_id, "epochs_per_point": 1, "columns": columns}
        series = kind.model.model_validate(known | (vars(thinned) if thinned else {}))
        content = series.model_dump_json(exclude_unset=True)
        return Response(content, media_type=tabular.JSON, headers={"Vary": "Accept"})
    counts = set(kind.counts)
    if thinned:
        ends = {"min": thinned.minimum, "max": thinned.maximum}
        columns = columns | {
            f"{name}_{end}": v for end, of in ends.items() for name, v in of.items()
        }
        counts |= {f"{name}_{end}" for name in kind.counts for end in ends}
    return tabular.respond(form, columns, frozenset(counts), f"{job_id}-{kind.name}")


def _named(columns: str | None, known: Sequence[str]) -> Sequence[str]:
    if columns is None:
        return known
    names = columns.split(",")
    for name in names:
        if name not in known:
            raise invalid("/query/columns", f"{name!r} is no column; accepted: {', '.join(known)}")
    return list(dict.fromkeys(names))


@router.get(
    "/epochs",
    response_model=EpochSeries,
    responses={
        **_forms(examples.EPOCHS, examples.EPOCHS_CSV, files.EPOCHS_PARQUET),
        **problems("job_not_found"),
    },
)
def read_epochs(
    job_id: JobId,
    query: Annotated[EpochQuery, Query()],
    database: DatabaseDep,
    accept: _Accept = None,
) -> Response:
    """Read the series of a job, a list per quantity; or the same as CSV or Parquet, by `Accept`."""
    return _answer(_EPOCHS, job_id, database, query, accept)


@router.get(
    "/layers",
    response_model=LayerSeries,
    responses={
        **_forms(examples.LAYERS, examples.LAYERS_CSV, files.LAYERS_PARQUET),
        **problems("job_not_found"),
    },
)
def read_layers(
    job_id: JobId,
    query: Annotated[LayerQuery, Query()],
    database: DatabaseDep,
    accept: _Accept = None,
) -> Response:
    """Read the same per hidden layer; `max_points` is per layer."""
    return _answer(_LAYERS, job_id, database, query, accept)
