"""Jobs side by side."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from service.api.dependencies import DatabaseDep
from service.api.errors import invalid
from service.api.examples import jobs as examples
from service.api.openapi import answer_with, joined_by_commas, problems
from service.db import jobs, metrics
from service.domain.comparison import Comparison, compare
from service.domain.errors import JobNotFound
from service.domain.ids import is_id
from service.domain.metrics import EPOCH_COLUMNS

router = APIRouter(prefix="/v1/compare", tags=["series"])

MOST_JOBS = 10
_JOB = "job_[0-9a-f]{32}"

_QUANTITIES = tuple(name for name in EPOCH_COLUMNS if name != "epoch")


@router.get(
    "",
    responses={
        HTTPStatus.OK: answer_with(examples.COMPARISON),
        **problems("job_not_found"),
    },
)
def compare_jobs(
    database: DatabaseDep,
    jobs_: Annotated[
        str,
        Query(
            alias="jobs",
            max_length=1000,
            description=f"Ids of 2 to {MOST_JOBS} jobs, joined by commas",
            examples=[f"{examples.JOB_ID},{examples.OTHER_JOB_ID}"],
            json_schema_extra={"pattern": f"^{_JOB}(,{_JOB}){{1,{MOST_JOBS - 1}}}$"},
        ),
    ],
    columns: Annotated[
        str | None,
        Query(
            max_length=2000,
            description="Curves to show, joined by commas; left out: all",
            json_schema_extra=joined_by_commas(_QUANTITIES),
        ),
    ] = None,
    max_points: Annotated[
        int | None,
        Query(
            ge=1,
            le=10_000,
            description="At most so many points of each curve, extremes kept; left out: all",
        ),
    ] = None,
) -> Comparison:
    """Compare jobs: where their specs differ, their curves by epoch, and the first epoch at which
    what was measured differs."""
    ids = _ids(jobs_)
    shown = _shown(columns)
    with database.reading() as session:
        found = [jobs.find(session, job_id) for job_id in ids]
        series = [metrics.read_epochs(session, job_id) for job_id in ids]
        return compare(
            found,
            series,
            lambda step: metrics.layers_met_at(session, ids, step),
            names=_QUANTITIES,
            shown=shown,
            max_points=max_points,
        )


def _ids(text: str) -> list[str]:
    ids = text.split(",")
    if not 2 <= len(ids) <= MOST_JOBS:
        raise invalid("/query/jobs", f"names {len(ids)} jobs; it takes 2 to {MOST_JOBS}")
    if len(set(ids)) < len(ids):
        raise invalid("/query/jobs", "names a job twice")
    for job_id in ids:
        if not is_id(job_id, "job"):
            raise JobNotFound(job_id)
    return ids


def _shown(columns: str | None) -> tuple[str, ...]:
    if columns is None:
        return _QUANTITIES
    names = tuple(columns.split(","))
    for name in names:
        if name not in _QUANTITIES:
            detail = f"{name!r} is no curve; accepted: {', '.join(_QUANTITIES)}"
            raise invalid("/query/columns", detail)
    return names
