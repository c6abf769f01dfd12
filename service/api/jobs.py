"""Training runs: submit, list, read, cancel, retry, delete."""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, BaseModel, Field
from starlette.concurrency import run_in_threadpool

from service.api.body import PostedJson, PostedSpec, parse_spec
from service.api.conditional import ETAG, NOT_MODIFIED, IfMatch, ReadingDep, require_match
from service.api.dependencies import (
    DatabaseDep,
    IdempotencyKey,
    JobId,
    Priority,
    SettingsDep,
    access_of,
    database_of,
    posts_of,
    settings_of,
    size_finder,
)
from service.api.examples import jobs as examples
from service.api.openapi import JOB_LINKS, LOCATION, SPEC_BODY, answer_with, problems
from service.api.pagination import NextCursor, PageQuery, read_page
from service.api.placing import warn_of_device
from service.api.plans import DryRun, answer_plan, look_back, planned
from service.db import Database, Session, jobs, retries
from service.db.posting import NewJob
from service.domain.activations import Activation, AnyActivation
from service.domain.base import Name
from service.domain.datasets import FindSizes, Upload
from service.domain.errors import SpecRejected
from service.domain.ids import new_id
from service.domain.job import Job, SpecWarning
from service.domain.plan import JobPlan
from service.domain.spec import JobSpec
from service.domain.states import JobStatus, Outcome
from service.domain.variants import variants
from service.planning import check, plan_job, warn
from service.settings import Settings

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

# Read within a tenth of a millisecond or two.
_SMALL_BYTES = 8192

_ACTIVATIONS = list(variants(AnyActivation, "name", Activation))


def _check_activation(name: str) -> str:
    if name not in _ACTIVATIONS:
        raise ValueError(f"is no activation; accepted: {', '.join(_ACTIVATIONS)}")
    return name


class JobQuery(PageQuery):
    """Which jobs to list, and which page of them."""

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
    next_cursor: NextCursor


@router.post(
    "",
    response_model=Job,
    status_code=HTTPStatus.ACCEPTED,
    openapi_extra=SPEC_BODY,
    responses={
        HTTPStatus.ACCEPTED: answer_with(examples.QUEUED_JOB, LOCATION, JOB_LINKS),
        **planned(JobPlan, examples.JOB_PLAN),
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
async def submit_job(
    *,
    request: Request,
    raw: PostedJson,
    idempotency_key: IdempotencyKey = None,
    dry_run: DryRun = False,
    priority: Priority = 0,
) -> Response:
    """Queue a training run, or tell what it would cost."""
    # Asked for here, where it costs nothing: as dependencies they take FastAPI longer than the
    # spec takes to be read, and this route is the one that meets crowds.
    settings, database = settings_of(request), database_of(request)
    read = partial(_read, raw, size_finder(database), settings, database)
    posted, warnings = read() if _is_read_at_once(raw) else await run_in_threadpool(read)
    if dry_run:
        return await run_in_threadpool(_plan, posted.spec, warnings, database, settings)
    owner, most = access_of(request).owner, settings.max_queued_jobs
    if idempotency_key or isinstance(posted.spec.dataset, Upload):
        # Taken before the queue is found to be full, a key may have to be given back; and what is
        # said of a data set is the asker's view of it.
        submit = partial(
            jobs.submit,
            spec=posted.spec,
            warnings=warnings,
            priority=priority,
            owner=owner,
            max_queued=most,
            idempotency=(idempotency_key, posted.digest) if idempotency_key else None,
        )
        job = await run_in_threadpool(_submit_alone, database, submit)
    else:
        new = NewJob(id=new_id("job"), spec=posted.spec, warnings=warnings)
        asked = database.submission(new, owner=owner, priority=priority, max_queued=most)
        job = await posts_of(request).store(database, asked)
    headers = {"Location": f"/v1/jobs/{job.id}"}
    return _answer(job, status_code=HTTPStatus.ACCEPTED, headers=headers)


def _is_read_at_once(raw: bytes) -> bool:
    """Whether to read it takes less than to send it through the thread pool: it is small, and
    nothing in it has to be looked up in the database."""
    # Escaped, the two words could hide.
    looked_up = (b"dataset_id", b"cuda", b"\\")
    return len(raw) <= _SMALL_BYTES and not any(one in raw for one in looked_up)


def _read(
    raw: bytes, find_sizes: FindSizes, settings: Settings, database: Database
) -> tuple[PostedSpec, list[SpecWarning]]:
    """A spec that can be trained here. Raises ApiError and SpecRejected."""
    posted = parse_spec(raw, find_sizes)
    if refused := check(posted.spec, settings.limits):
        raise SpecRejected(refused)
    return posted, warn(posted.spec) + warn_of_device([posted.spec], database, settings)


def _plan(
    spec: JobSpec, warnings: list[SpecWarning], database: Database, settings: Settings
) -> Response:
    pace, _ = look_back(database, settings)
    return answer_plan(plan_job(spec, warnings, pace))


def _submit_alone(database: Database, submit: Callable[[Session], Job]) -> Job:
    with database.writing() as session:
        return submit(session)


@router.get(
    "",
    response_model=JobPage,
    responses={HTTPStatus.OK: answer_with(examples.PAGE), **problems()},
)
def list_jobs(query: Annotated[JobQuery, Query()], database: DatabaseDep) -> Response:
    """List jobs, newest first."""
    wanted = jobs.JobFilter(**query.model_dump(exclude={"limit", "cursor"}))
    with database.reading() as session:
        data, following = read_page(session, jobs.list_newest_first, wanted, query, "job")
    return _answer(JobPage(data=data, next_cursor=following))


@router.get(
    "/{job_id}",
    response_model=Job,
    responses={
        HTTPStatus.OK: answer_with(examples.JOB, ETAG, JOB_LINKS),
        **NOT_MODIFIED,
        **problems("job_not_found"),
    },
)
async def read_job(job_id: JobId, reading: ReadingDep) -> Response:
    """Read a job, at once or when it has ended."""
    return await reading.answer(jobs.find, jobs.has_ended, job_id)


@router.post(
    "/{job_id}/cancel",
    status_code=HTTPStatus.ACCEPTED,
    responses={
        HTTPStatus.ACCEPTED: answer_with(examples.CANCELLED_JOB, links=JOB_LINKS),
        **problems("job_not_found", "move_refused", "precondition_failed"),
    },
)
def cancel_job(job_id: JobId, database: DatabaseDep, if_match: IfMatch = None) -> Job:
    """Cancel a job: a queued one at once, a running one as soon as its worker notices."""
    with database.writing() as session:
        require_match(if_match, session, retries.find_locked, job_id)
        return jobs.cancel(session, job_id)


@router.post(
    "/{job_id}/retry",
    status_code=HTTPStatus.ACCEPTED,
    responses={
        HTTPStatus.ACCEPTED: answer_with(examples.QUEUED_JOB, links=JOB_LINKS),
        **problems("job_not_found", "move_refused", "queue_full", "precondition_failed"),
    },
)
def retry_job(
    job_id: JobId, database: DatabaseDep, settings: SettingsDep, if_match: IfMatch = None
) -> Job:
    """Queue a failed or cancelled job again. It keeps its id and history; what earlier attempts
    measured is removed."""
    with database.writing() as session:
        require_match(if_match, session, retries.find_locked, job_id)
        return retries.retry(session, job_id, max_queued=settings.max_queued_jobs)


@router.delete(
    "/{job_id}",
    status_code=HTTPStatus.NO_CONTENT,
    responses={
        HTTPStatus.NO_CONTENT: {"description": "The job is gone"},
        **problems("job_not_found", "move_refused", "precondition_failed"),
    },
)
def delete_job(job_id: JobId, database: DatabaseDep, if_match: IfMatch = None) -> None:
    """Delete a job that has ended, with everything that it measured."""
    with database.writing() as session:
        require_match(if_match, session, retries.find_locked, job_id)
        retries.remove(session, job_id)


def _answer(found: Job | JobPage, **options: Any) -> Response:
    # Made here, where one thread does all of the work: FastAPI would hand it to another one, check
    # it again, and write it by way of Python's objects.
    return Response(found.model_dump_json(), media_type="application/json", **options)
