"""Sweeps: submit, list, read, cancel, retry, and their results as a table."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator, BaseModel, Field

from service.api.body import PostedSweepDep
from service.api.conditional import ETAG, NOT_MODIFIED, IfMatch, ReadingDep, require_match
from service.api.dependencies import (
    AccessDep,
    DatabaseDep,
    FindSizesDep,
    IdempotencyKey,
    Priority,
    SettingsDep,
    SweepId,
)
from service.api.errors import invalid
from service.api.examples import jobs as examples
from service.api.openapi import LOCATION, SWEEP_BODY, SWEEP_LINKS, answer_with, problems
from service.api.pagination import NextCursor, PageQuery, read_page
from service.api.placing import warn_of_device
from service.api.plans import DryRun, answer_plan, look_back, planned
from service.api.validation import describe_spec_errors
from service.db import sweeps
from service.domain.base import Name
from service.domain.metrics import EPOCH_COLUMNS
from service.domain.pivot import Result, SweepTable, pivot
from service.domain.plan import SweepPlan
from service.domain.states import JobStatus, Outcome
from service.domain.statistics import CONFIDENCE
from service.domain.sweep import Sweep, points
from service.planning import expand, plan_sweep

router = APIRouter(prefix="/v1/sweeps", tags=["sweeps"])

_QUANTITIES = [name for name in EPOCH_COLUMNS if name != "epoch"]
_SEEDS = ("seed", "dataset.seed", "dataset.split_seed")


class SweepQuery(PageQuery):
    """Which sweeps to list, and which page of them."""

    name: Annotated[Name | None, Field(description="Exactly this name")] = None
    study_id: Annotated[str | None, Field(pattern="^std_[0-9a-f]{32}$")] = None


class SweepPage(BaseModel):
    """Sweeps, newest first."""

    data: list[Sweep]
    next_cursor: NextCursor


@router.post(
    "",
    response_model=Sweep,
    status_code=HTTPStatus.ACCEPTED,
    openapi_extra=SWEEP_BODY,
    responses={
        HTTPStatus.ACCEPTED: answer_with(examples.QUEUED_SWEEP, LOCATION, SWEEP_LINKS),
        **planned(SweepPlan, examples.SWEEP_PLAN),
        **problems(
            "malformed_json",
            "body_too_large",
            "request_timeout",
            "unsupported_media_type",
            "invalid_spec",
            "spec_rejected",
            "idempotency_conflict",
            "queue_full",
        ),
    },
)
def submit_sweep(
    *,
    posted: PostedSweepDep,
    settings: SettingsDep,
    database: DatabaseDep,
    access: AccessDep,
    find_sizes: FindSizesDep,
    response: Response,
    idempotency_key: IdempotencyKey = None,
    dry_run: DryRun = False,
    priority: Priority = 0,
) -> Sweep | Response:
    """Queue a job for each point of the axes: all of them, or none where one cannot run here. Or
    tell what they would cost."""
    found = expand(posted.sweep, settings.limits, describe_spec_errors, find_sizes)
    no_gpu = warn_of_device((member.spec for member in found), database, settings)
    members = [
        (one.spec, one.warnings + (no_gpu if one.spec.device == "cuda" else [])) for one in found
    ]
    if dry_run:
        pace, slots = look_back(database, settings)
        return answer_plan(plan_sweep(members, pace, cohort_size=settings.cohort_size, slots=slots))
    idempotency = (idempotency_key, posted.digest) if idempotency_key else None
    with database.writing() as session:
        sweep = sweeps.submit(
            session,
            posted.sweep,
            members,
            priority=priority,
            owner=access.owner,
            max_queued=settings.max_queued_jobs,
            idempotency=idempotency,
        )
    response.headers["Location"] = f"/v1/sweeps/{sweep.id}"
    return sweep


@router.get("", responses={HTTPStatus.OK: answer_with(examples.SWEEP_PAGE), **problems()})
def list_sweeps(query: Annotated[SweepQuery, Query()], database: DatabaseDep) -> SweepPage:
    """List sweeps, newest first."""
    wanted = sweeps.SweepFilter(**query.model_dump(exclude={"limit", "cursor"}))
    with database.reading() as session:
        data, following = read_page(session, sweeps.list_newest_first, wanted, query, "swp")
    return SweepPage(data=data, next_cursor=following)


@router.get(
    "/{sweep_id}",
    response_model=Sweep,
    responses={
        HTTPStatus.OK: answer_with(examples.SWEEP, ETAG, SWEEP_LINKS),
        **NOT_MODIFIED,
        **problems("sweep_not_found"),
    },
)
async def read_sweep(sweep_id: SweepId, reading: ReadingDep) -> Response:
    """Read a sweep, at once or when all its members have ended."""
    return await reading.answer(sweeps.find, sweeps.has_ended, sweep_id)


@router.post(
    "/{sweep_id}/cancel",
    status_code=HTTPStatus.ACCEPTED,
    responses={
        HTTPStatus.ACCEPTED: answer_with(examples.SWEEP, links=SWEEP_LINKS),
        **problems("sweep_not_found", "move_refused", "precondition_failed"),
    },
)
def cancel_sweep(sweep_id: SweepId, database: DatabaseDep, if_match: IfMatch = None) -> Sweep:
    """Cancel every member that has not ended."""
    with database.writing() as session:
        require_match(if_match, session, sweeps.find_locked, sweep_id)
        return sweeps.cancel(session, sweep_id)


@router.post(
    "/{sweep_id}/retry",
    status_code=HTTPStatus.ACCEPTED,
    responses={
        HTTPStatus.ACCEPTED: answer_with(examples.SWEEP, links=SWEEP_LINKS),
        **problems("sweep_not_found", "move_refused", "queue_full", "precondition_failed"),
    },
)
def retry_sweep(
    sweep_id: SweepId, database: DatabaseDep, settings: SettingsDep, if_match: IfMatch = None
) -> Sweep:
    """Queue the failed and the cancelled members again; the others keep their results."""
    with database.writing() as session:
        require_match(if_match, session, sweeps.find_locked, sweep_id)
        return sweeps.retry(session, sweep_id, max_queued=settings.max_queued_jobs)


def _check_quantity(name: str) -> str:
    if name not in _QUANTITIES:
        raise ValueError(f"is not measured; accepted: {', '.join(_QUANTITIES)}")
    return name


def _axes(what: str) -> Any:
    return Query(max_length=2000, description=f"{what}, joined by commas", examples=["seed"])


@router.get(
    "/{sweep_id}/table",
    responses={
        HTTPStatus.OK: answer_with(examples.TABLE),
        **problems("sweep_not_found"),
    },
)
def read_sweep_table(
    *,
    sweep_id: SweepId,
    database: DatabaseDep,
    quantity: Annotated[
        str,
        AfterValidator(_check_quantity),
        Query(
            description="A column of `/epochs`; its last value",
            json_schema_extra={"enum": list(_QUANTITIES)},
        ),
    ] = "validation_metric",
    rows: Annotated[str | None, _axes("Axes along the rows")] = None,
    columns: Annotated[str | None, _axes("Axes along the columns")] = None,
    over: Annotated[str | None, _axes("Axes to summarise; left out, the seeds")] = None,
) -> SweepTable:
    """Read the results of a sweep as a table: mean, standard deviation and 95% interval over the
    members in each cell. Every axis is along the rows, along the columns, or summarised: what you
    do not place is summarised if it is a seed, or if you placed both rows and columns; else the
    first such axis goes along the rows and the others along the columns."""
    with database.reading() as session:
        sweep = sweeps.find(session, sweep_id)
        found = sweeps.results(session, sweep_id, quantity)
    placed = _place(list(sweep.axes), rows=rows, columns=columns, over=over)
    at = list(points(sweep.axes, sweep.mode))
    results = [
        Result(
            point=list(at[one.index]),
            diverged=one.outcome is Outcome.DIVERGED,
            value=one.value if one.status is JobStatus.SUCCEEDED else None,
        )
        for one in found
    ]
    row_side, column_side, cells = pivot(
        results, quantity=quantity, rows=placed["rows"], columns=placed["columns"]
    )
    return SweepTable(
        sweep_id=sweep_id,
        quantity=quantity,
        rows=row_side,
        columns=column_side,
        over=placed["over"],
        confidence=CONFIDENCE,
        cells=cells,
    )


def _place(axes: list[str], **given: str | None) -> dict[str, list[str]]:
    """Which axes go along the rows, along the columns, and are summarised. Raises ApiError."""
    placed = {side: text.split(",") if text else [] for side, text in given.items()}
    seen: set[str] = set()
    for side, names in placed.items():
        for name in names:
            if name not in axes:
                detail = f"{name!r} is no axis of this sweep; its axes: {', '.join(axes)}"
                raise invalid(f"/query/{side}", detail)
            if name in seen:
                raise invalid(f"/query/{side}", f"{name} is placed twice")
            seen.add(name)
    left = [axis for axis in axes if axis not in seen]
    if placed["rows"] and placed["columns"]:
        placed["over"] += left
        return placed
    if given["over"] is None:
        placed["over"] = [axis for axis in left if axis in _SEEDS]
        left = [axis for axis in left if axis not in _SEEDS]
    if not placed["rows"] and left:
        placed["rows"] = [left.pop(0)]
    if not placed["columns"]:
        placed["columns"] = left
    else:
        placed["over"] += left
    return placed
