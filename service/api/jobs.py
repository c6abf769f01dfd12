"""Training runs: submit, list, read, cancel."""

import hashlib
import time
from http import HTTPStatus
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from service.api import examples
from service.api.body import PostedSpecDep
from service.api.dependencies import DatabaseDep, JobId, SettingsDep
from service.api.openapi import SPEC_BODY, problems
from service.api.pagination import decode_cursor, encode_cursor
from service.db import Database, jobs
from service.domain.activations import Activation, AnyActivation
from service.domain.base import Name
from service.domain.errors import SpecRejected
from service.domain.job import Job
from service.domain.states import TERMINAL, JobStatus, Outcome
from service.domain.variants import variants
from service.planning import check, warn

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_ACTIVATIONS = list(variants(AnyActivation, "name", Activation))

_LOCATION = {"Location": {"description": "Path of the job", "schema": {"type": "string"}}}
_ETAG = {"ETag": {"description": "Changes with the job", "schema": {"type": "string"}}}


def _answer(example: Any, headers: Any = None) -> dict[str, Any]:
    content = {"application/json": {"example": example}}
    return {"content": content, "headers": headers} if headers else {"content": content}


def _check_activation(name: str) -> str:
    if name not in _ACTIVATIONS:
        raise ValueError(f"is no activation; accepted: {', '.join(_ACTIVATIONS)}")
    return name


class JobQuery(BaseModel):
    """Which jobs to list, and which page of them."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=200, description="Jobs a page")] = 50
    cursor: Annotated[
        str | None, Field(max_length=500, description="`next_cursor` of the page before")
    ] = None
    status: JobStatus | None = None
    outcome: Outcome | None = None
    sweep_id: Annotated[str | None, Field(pattern="^swp_[0-9a-f]{32}$")] = None
    study_id: Annotated[str | None, Field(pattern="^std_[0-9a-f]{32}$")] = None
    activation: Annotated[
        str | None,
        AfterValidator(_check_activation),
        Field(json_schema_extra={"enum": _ACTIVATIONS}),
    ] = None
    name: Annotated[Name | None, Field(description="Exactly this name")] = None


class JobPage(BaseModel):
    """Jobs, newest first."""

    data: list[Job]
    next_cursor: Annotated[
        str | None, Field(description="For `cursor` of the next page; null on the last")
    ]


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    openapi_extra=SPEC_BODY,
    responses={
        HTTPStatus.ACCEPTED: _answer(examples.JOB, _LOCATION),
        **problems(
            "malformed_json",
            "body_too_large",
            "unsupported_media_type",
            "invalid_spec",
            "spec_rejected",
            "idempotency_conflict",
            "queue_full",
        ),
    },
)
def submit_job(
    *,
    posted: PostedSpecDep,
    settings: SettingsDep,
    database: DatabaseDep,
    response: Response,
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=255,
            pattern="^[ -~]*$",
            description="Any text of your own. The same key and body again: the same job.",
        ),
    ] = None,
    priority: Annotated[
        int,
        Query(ge=-100, le=100, description="Higher goes first among queued jobs; no spec's part"),
    ] = 0,
) -> Job:
    """Queue a training run."""
    if refused := check(posted.spec, settings.limits):
        raise SpecRejected(refused)
    idempotency = (idempotency_key, posted.digest) if idempotency_key else None
    with database.writing() as session:
        job = jobs.submit(
            session,
            posted.spec,
            warn(posted.spec),
            priority=priority,
            max_queued=settings.max_queued_jobs,
            idempotency=idempotency,
        )
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return job


@router.get("", responses={HTTPStatus.OK: _answer(examples.PAGE), **problems()})
def list_jobs(query: Annotated[JobQuery, Query()], database: DatabaseDep) -> JobPage:
    """List jobs, newest first."""
    wanted = jobs.JobFilter(**query.model_dump(exclude={"limit", "cursor"}))
    before = decode_cursor(query.cursor, wanted)
    with database.reading() as session:
        # One more than asked for tells whether there is a next page.
        found = jobs.list_newest_first(session, wanted, before_id=before, limit=query.limit + 1)
    page, rest = found[: query.limit], found[query.limit :]
    return JobPage(data=page, next_cursor=encode_cursor(page[-1].id, wanted) if rest else None)


@router.get(
    "/{job_id}",
    response_model=Job,
    responses={
        HTTPStatus.OK: _answer(examples.JOB, _ETAG),
        HTTPStatus.NOT_MODIFIED: {"description": "Not Modified", "headers": _ETAG},
        **problems("job_not_found"),
    },
)
async def read_job(
    *,
    job_id: JobId,
    request: Request,
    settings: SettingsDep,
    database: DatabaseDep,
    wait: Annotated[
        float,
        Query(ge=0, le=60, allow_inf_nan=False, description="Seconds to wait for its end"),
    ] = 0,
    if_none_match: Annotated[
        str | None, Header(alias="If-None-Match", description="An `ETag` you have")
    ] = None,
) -> Response:
    """Read a job, at once or when it has ended."""
    deadline = time.monotonic() + wait
    while (
        not await run_in_threadpool(_has_ended, database, job_id)
        and (left := deadline - time.monotonic()) > 0
        and not await request.is_disconnected()
    ):
        await anyio.sleep(min(left, settings.poll_s))
    job = await run_in_threadpool(_find, database, job_id)
    content = job.model_dump_json()
    etag = f'"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if _names(if_none_match, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(content, media_type="application/json", headers=headers)


def _has_ended(database: Database, job_id: str) -> bool:
    with database.reading() as session:
        return jobs.glance(session, job_id).status in TERMINAL


def _find(database: Database, job_id: str) -> Job:
    with database.reading() as session:
        return jobs.find(session, job_id)


def _names(if_none_match: str | None, etag: str) -> bool:
    """The weak comparison of RFC 9110, section 13.1.2."""
    given = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return etag in given or given == ["*"]


@router.post(
    "/{job_id}/cancel",
    status_code=HTTPStatus.ACCEPTED,
    responses={
        HTTPStatus.ACCEPTED: _answer(examples.JOB),
        **problems("job_not_found", "move_refused"),
    },
)
def cancel_job(job_id: JobId, database: DatabaseDep) -> Job:
    """Cancel a job: a queued one at once, a running one as soon as its worker notices."""
    with database.writing() as session:
        return jobs.cancel(session, job_id)
