"""Everything that can go wrong, as problem documents (RFC 9457).

`PROBLEMS` is the one table of codes, and the only place where HTTP status numbers stand.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from typing import Any, cast
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from service.api.validation import describe_parameter_errors
from service.db import UNAVAILABLE, disk_is_full
from service.db.artifacts import ObjectSwept
from service.domain.errors import (
    ArtifactLost,
    DatasetNotFound,
    DomainError,
    FieldError,
    FormatUnavailable,
    IdempotencyConflict,
    JobNotFound,
    MoveRefused,
    QueueFull,
    ReportNotWritten,
    SpecRejected,
    StoreUnavailable,
    StudyNotFound,
    SweepNotFound,
    UploadRefused,
    WeightsNotKept,
)

_log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"

DATABASE_UNAVAILABLE = (
    "The database does not answer. Try again in a moment. Whether a change that was asked for was "
    "made is not known: look first, or ask with an Idempotency-Key, which makes nothing twice."
)

DISK_FULL = (
    "The disk of the database is full, so nothing was changed. Make room there, then ask again; "
    "`subgrad doctor` on its machine shows how full it is."
)

# Where objects lie is the operator's business, and stands in the log.
ARTIFACT_LOST = (
    "The object store lacks what was kept there, or has other bytes. Its operator finds in the log "
    "which; a data set can be uploaded again, and the same spec trains to the same weights again."
)
ARTIFACTS_UNAVAILABLE = (
    "The object store does not answer, so nothing was changed. Try again in a moment."
)

MOST_ERRORS = 100
"""A body of thousands of unknown fields is answered with the first of them."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What all problems of one code share."""

    status: int
    title: str
    retry_after_s: int | None = None


PROBLEMS: Mapping[str, Kind] = {
    "malformed_json": Kind(status=400, title="The body is not JSON"),
    "unauthenticated": Kind(status=401, title="A key is needed"),
    "insufficient_scope": Kind(status=403, title="The key does not allow this"),
    "cross_origin": Kind(status=403, title="Pages of other sites may not change anything"),
    "path_not_found": Kind(status=404, title="Nothing stands at this path"),
    "job_not_found": Kind(status=404, title="There is no such job"),
    "weights_not_kept": Kind(status=404, title="There are no weights of this job"),
    "sweep_not_found": Kind(status=404, title="There is no such sweep"),
    "study_not_found": Kind(status=404, title="There is no such study"),
    "report_not_written": Kind(status=404, title="There is no report of this study"),
    "dataset_not_found": Kind(status=404, title="There is no such data set"),
    "method_not_allowed": Kind(status=405, title="The path does not take this method"),
    "not_acceptable": Kind(status=406, title="There is no such representation"),
    "request_timeout": Kind(status=408, title="The request came too slowly"),
    "move_refused": Kind(status=409, title="The present state does not allow it"),
    "precondition_failed": Kind(status=412, title="It is not what If-Match names any more"),
    "body_too_large": Kind(status=413, title="The body is too large"),
    "unsupported_media_type": Kind(status=415, title="Bodies of this kind are not read"),
    "unknown_host": Kind(status=421, title="This is no name of this service"),
    "invalid_spec": Kind(status=422, title="The spec cannot be accepted"),
    "spec_rejected": Kind(status=422, title="The spec cannot be run here"),
    "invalid_dataset": Kind(status=422, title="The file is no data set to train on"),
    "invalid_request": Kind(status=422, title="A parameter cannot be accepted"),
    "idempotency_conflict": Kind(status=422, title="The key was used with another body"),
    "queue_full": Kind(status=429, title="Too many jobs wait already", retry_after_s=5),
    "too_many_requests": Kind(status=429, title="The key asks too often", retry_after_s=1),
    "internal_error": Kind(status=500, title="Something failed here"),
    "artifact_lost": Kind(status=502, title="What the object store kept is lost"),
    "artifacts_unavailable": Kind(
        status=503, title="The object store does not answer", retry_after_s=5
    ),
    "database_unavailable": Kind(status=503, title="The database does not answer", retry_after_s=2),
    "disk_full": Kind(status=503, title="There is no room left", retry_after_s=30),
    "not_ready": Kind(status=503, title="The service cannot run jobs now", retry_after_s=2),
}

_CODE_OF: Mapping[type[DomainError], str] = {
    JobNotFound: "job_not_found",
    SweepNotFound: "sweep_not_found",
    StudyNotFound: "study_not_found",
    ReportNotWritten: "report_not_written",
    WeightsNotKept: "weights_not_kept",
    DatasetNotFound: "dataset_not_found",
    UploadRefused: "invalid_dataset",
    FormatUnavailable: "unsupported_media_type",
    MoveRefused: "move_refused",
    IdempotencyConflict: "idempotency_conflict",
    SpecRejected: "spec_rejected",
    QueueFull: "queue_full",
}

# What Starlette raises by itself: unknown paths and methods.
_CODE_OF_STATUS = {404: "path_not_found", 405: "method_not_allowed"}


class ProblemField(BaseModel):
    """One part of the request that cannot be accepted."""

    pointer: str = Field(
        description="JSON Pointer (RFC 6901) into the body; `/query/…` and `/header/…` for the rest"
    )
    detail: str


class Problem(BaseModel):
    """What went wrong and what to do next (RFC 9457)."""

    type: str = Field(description="`urn:subgrad:problem:` and the code")
    title: str
    status: int
    detail: str
    instance: str = Field(description="Path of the request")
    code: str = Field(description="Stable name of this kind of problem, for programs")
    request_id: str = Field(description="The same as in `X-Request-Id` and in the server's log")
    errors: list[ProblemField]

    @classmethod
    def build(
        cls,
        code: str,
        detail: str,
        errors: Iterable[FieldError] = (),
        *,
        instance: str,
        request_id: str,
    ) -> "Problem":
        return cls(
            type=f"urn:subgrad:problem:{code}",
            title=PROBLEMS[code].title,
            status=PROBLEMS[code].status,
            detail=detail,
            instance=instance,
            code=code,
            request_id=request_id,
            errors=[ProblemField(pointer=e.pointer, detail=e.detail) for e in errors],
        )


class ApiError(Exception):
    """A problem that this package finds by itself. `code` is a key of PROBLEMS."""

    def __init__(
        self,
        code: str,
        detail: str,
        errors: Iterable[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.headers = headers
        self.code = code
        self.detail = detail
        self.errors = list(islice(errors, MOST_ERRORS))


def invalid(pointer: str, detail: str) -> ApiError:
    """One parameter that cannot be accepted."""
    error = FieldError(pointer=pointer, detail=detail)
    return ApiError("invalid_request", f"{pointer}: {detail}", [error])


def problem_response(
    request: Request,
    code: str,
    detail: str,
    errors: Iterable[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    problem = Problem.build(
        code,
        detail,
        errors,
        instance=quote(request.scope["path"], errors="replace"),
        request_id=request.state.request_id,
    )
    kind = PROBLEMS[code]
    sent = dict(headers or {})
    if kind.retry_after_s is not None:
        sent.setdefault("Retry-After", str(kind.retry_after_s))
    # ASCII, because a detail may quote text that has no UTF-8 form.
    content = json.dumps(problem.model_dump())
    return Response(content, kind.status, sent, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Makes the app answer every error with a problem document."""
    handlers = {
        ApiError: _on_api_error,
        DomainError: _on_domain_error,
        RequestValidationError: _on_invalid_parameters,
        HTTPException: _on_http_exception,
        ArtifactLost: _on_artifact_lost,
        StoreUnavailable: _on_store_unavailable,
        # Its row came too late, which only a writer that stood still for an hour can be.
        ObjectSwept: _on_store_unavailable,
        **dict.fromkeys(UNAVAILABLE, _on_database_unavailable),
    }
    for error, handler in handlers.items():
        app.add_exception_handler(error, cast(Any, handler))


async def _on_api_error(request: Request, error: ApiError) -> Response:
    return problem_response(request, error.code, error.detail, error.errors, error.headers)


async def _on_domain_error(request: Request, error: DomainError) -> Response:
    errors = error.errors if isinstance(error, SpecRejected | UploadRefused) else []
    return problem_response(request, _CODE_OF[type(error)], str(error), errors)


async def _on_invalid_parameters(request: Request, error: RequestValidationError) -> Response:
    errors = describe_parameter_errors(error.errors())
    detail = "; ".join(f"{e.pointer}: {e.detail}" for e in errors)
    return problem_response(request, "invalid_request", detail, errors)


async def _on_http_exception(request: Request, error: HTTPException) -> Response:
    code = _CODE_OF_STATUS.get(error.status_code, "path_not_found")
    if code == "path_not_found":
        return problem_response(request, code, _describe_absence(request.scope["path"]))
    allowed = ", ".join(_methods(request, error))
    if request.method == "OPTIONS":
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"Allow": allowed})
    detail = f"{request.method} is not possible here. Possible: {allowed}."
    return problem_response(request, code, detail, headers={"Allow": allowed})


def _describe_absence(path: str) -> str:
    hint = "GET /docs shows what does."
    if path.endswith("/"):
        hint = f"Paths have no slash at the end: try {path.rstrip('/')}."
    return f"Nothing stands at {path}. {hint}"


def _methods(request: Request, error: HTTPException) -> list[str]:
    # Starlette names the methods of one route, and a path may have several.
    route = request.scope.get("route")
    documented = request.app.methods_at(route.path) if route else []
    named = (error.headers or {}).get("Allow", "GET").split(", ")
    methods = {*(documented or named), "OPTIONS"}
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)


async def _on_artifact_lost(request: Request, error: ArtifactLost) -> Response:
    _log.error("an object is lost", error=str(error))
    return problem_response(request, "artifact_lost", ARTIFACT_LOST)


async def _on_store_unavailable(request: Request, error: Exception) -> Response:
    _log.warning("the object store does not answer", error=str(error))
    return problem_response(request, "artifacts_unavailable", ARTIFACTS_UNAVAILABLE)


async def _on_database_unavailable(request: Request, error: Exception) -> Response:
    return unavailable_response(request, error)


def unavailable_response(request: Request, error: Exception) -> Response:
    """The answer to one of UNAVAILABLE."""
    if disk_is_full(error):
        return problem_response(request, "disk_full", DISK_FULL)
    return problem_response(request, "database_unavailable", DATABASE_UNAVAILABLE)


PHRASES = {kind.status: HTTPStatus(kind.status).phrase for kind in PROBLEMS.values()}
