"""What can go wrong between a client and the service, as exceptions.

`Refused` and its subclasses are the service's own problem documents (RFC 9457).
"""

from collections.abc import Mapping
from http import HTTPStatus

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.domain.errors import FieldError

_LONGEST_QUOTE = 200


class SubgradError(Exception):
    """Base of everything that this client raises about the service."""


class Unreachable(SubgradError):
    """No answer came, or it broke off: nobody listens there, or the network is down."""


class UnexpectedAnswer(SubgradError):
    """An answer that is none of this API's: another service, or a version too far away."""


class StillRunning(SubgradError):
    """It had not ended when the time was up. It goes on all the same."""


class Refused(SubgradError):
    """The service answered with a problem document.

    `code` is the stable name of the problem ("" where something before the service answered),
    `errors` point at fields of the request, `request_id` finds the request in the server's log.
    """

    def __init__(
        self,
        *,
        status: int,
        code: str,
        title: str,
        detail: str,
        errors: tuple[FieldError, ...] = (),
        request_id: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{title}: {detail}" if detail else title)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.errors = errors
        self.request_id = request_id
        self.retry_after_s = retry_after_s


class NotAllowed(Refused):
    """401 or 403: no key, an unknown key, or one without the right."""


class NotFound(Refused):
    """404: there is no such job, sweep, study, data set or path."""


class MoveRefused(Refused):
    """409: the present state does not allow it, as with cancelling what has ended."""


class InvalidRequest(Refused):
    """400, 413, 415 or 422: something in the request must change; `errors` say what."""


class TooManyRequests(Refused):
    """429: too many jobs wait already."""


class ServiceFailed(Refused):
    """500 and above: something failed in the service or before it."""


class Unavailable(ServiceFailed):
    """503: the service cannot answer at the moment."""


_BY_STATUS: Mapping[int, type[Refused]] = {
    HTTPStatus.BAD_REQUEST: InvalidRequest,
    HTTPStatus.UNAUTHORIZED: NotAllowed,
    HTTPStatus.FORBIDDEN: NotAllowed,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.CONFLICT: MoveRefused,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: InvalidRequest,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: InvalidRequest,
    HTTPStatus.UNPROCESSABLE_ENTITY: InvalidRequest,
    HTTPStatus.TOO_MANY_REQUESTS: TooManyRequests,
    HTTPStatus.SERVICE_UNAVAILABLE: Unavailable,
}


class _Problem(BaseModel):
    """A problem document. Proxies send some with fewer members."""

    model_config = ConfigDict(extra="ignore")

    title: str = ""
    detail: str = ""
    code: str = ""
    request_id: str = ""
    errors: list[FieldError] = Field(default_factory=list)


def refusal(response: httpx.Response, retry_after_s: float | None = None) -> Refused:
    """The exception for an answer of 400 or more, whose body was read."""
    status = response.status_code
    other = ServiceFailed if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Refused
    try:
        problem = _Problem.model_validate_json(response.content, extra="ignore")
    except ValidationError:
        problem = _Problem(detail=response.text.strip()[:_LONGEST_QUOTE])
    return _BY_STATUS.get(status, other)(
        status=status,
        code=problem.code,
        title=problem.title or f"HTTP {status}",
        detail=problem.detail,
        errors=tuple(problem.errors),
        request_id=problem.request_id or response.headers.get("X-Request-Id", ""),
        retry_after_s=retry_after_s,
    )
