"""What can be asked about the service itself, and about jobs side by side."""

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx

from service.client import calls
from service.client.calls import Call
from service.client.errors import Refused
from service.domain.comparison import Comparison
from service.domain.errors import FieldError


@dataclass(frozen=True, kw_only=True)
class Health:
    """Whether a job posted now would be trained, and if not, what is missing."""

    ready: bool
    missing: tuple[FieldError, ...] = ()


def compare(
    *job_ids: str, columns: Iterable[str] | None = None, max_points: int | None = None
) -> Call[Comparison]:
    """2 to 10 jobs side by side: where their specs differ, their curves, the first epoch at which
    what was measured differs."""
    return calls.get(
        calls.at("v1", "compare"),
        Comparison,
        jobs=",".join(job_ids),
        columns=calls.joined(columns),
        max_points=max_points,
    )


def catalog() -> Call[dict[str, Any]]:
    """Everything that a spec may say there, as the document that the service answers: another
    version of it may know more than this client."""
    return Call(method="GET", path=calls.at("v1", "catalog"), read=calls.document)


def openapi() -> Call[dict[str, Any]]:
    """The OpenAPI document of the service."""
    return Call(method="GET", path=calls.at("openapi.json"), read=calls.document)


def who_am_i() -> Call[dict[str, Any]]:
    """In whose name this client asks, and what it may do."""
    return Call(method="GET", path=calls.at("v1", "whoami"), read=calls.document)


def vital_signs() -> Call[str | None]:
    """The service's clock, as the `Date` of an answer for which it asked nobody else. Raises
    Unreachable where nobody answers."""
    return Call(method="GET", path=calls.at("healthz"), read=_read_date, repeatable=False)


def _read_date(response: httpx.Response) -> str | None:
    calls.document(response)
    date: str | None = response.headers.get("date")
    return date


def health() -> Call[Health]:
    """Whether the service can run jobs, as it is at this moment. Raises Unreachable where nobody
    answers at all."""
    return Call(method="GET", path=calls.at("readyz"), read=_read_health, repeatable=False)


def _read_health(response: httpx.Response) -> Health:
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        try:
            calls.check(response)
        except Refused as problem:
            if problem.code == "not_ready":
                return Health(ready=False, missing=problem.errors)
            raise
    calls.document(response)
    return Health(ready=True)
