"""What every exchange has: a request id, which also stands on every line of the log that is written
meanwhile, security headers, and an answer even where the code failed. A request that may have
changed something, or that failed, has a line of its own."""

import re
import secrets
import time
from collections.abc import MutableMapping
from typing import Any

import structlog
from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.errors import problem_response

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:=+/@~-]{1,128}")

_READING = ("GET", "HEAD", "OPTIONS")
_FAILED = 500

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
# Where a page brings none of its own. Swagger UI writes style attributes and draws its icons from
# data: URLs.
_PAGE_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Envelope:
    """ASGI middleware, the outermost of ours."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._log = structlog.get_logger(__name__)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        request_id = request.state.request_id = _request_id(request)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._exchange(request, scope, receive, send)

    async def _exchange(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = request.state.request_id
        began, started = time.perf_counter(), False

        async def send_in_envelope(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _add_headers(message, request_id)
                if request.method not in _READING or message["status"] >= _FAILED:
                    self._tell(request, message, time.perf_counter() - began)
            await send(message)

        try:
            await self._app(scope, receive, send_in_envelope)
        except ClientDisconnect:
            return
        except Exception:
            self._log.exception("request failed", method=request.method, path=scope["path"])
            if started:
                raise
            response = problem_response(
                request,
                "internal_error",
                "This is a fault of the service, not of the request. "
                f"Its log tells more under {request_id}.",
            )
            await response(scope, receive, send_in_envelope)

    def _tell(self, request: Request, answer: MutableMapping[str, Any], seconds: float) -> None:
        headers = MutableHeaders(raw=answer["headers"])
        made = headers.get("location", "")
        job = made.rpartition("/")[2] if "/jobs/" in made else request.path_params.get("job_id")
        self._log.info(
            "answered",
            method=request.method,
            path=request.scope["path"],
            status=answer["status"],
            seconds=round(seconds, 6),
            **({} if job is None else {"job": job}),
        )


def _request_id(request: Request) -> str:
    given = request.headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else f"req_{secrets.token_hex(12)}"


def _add_headers(message: MutableMapping[str, Any], request_id: str) -> None:
    headers = MutableHeaders(scope=message)
    headers["X-Request-Id"] = request_id
    headers.update(_HEADERS)
    if headers.get("content-type", "").startswith("text/html"):
        headers.setdefault("Content-Security-Policy", _PAGE_POLICY)
