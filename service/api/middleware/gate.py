"""Who gets in: every request passes here before any route sees it.

Whatever is not listed as open to everybody needs a key with the scope that its method asks for. So
a route that is added later is closed until somebody opens it. Where no key is needed (the service
is reached from this machine alone, and no key was ever made) it looks instead whether the request
comes from a page of another site, which a browser on this machine may be showing.
"""

import hmac
import math
import time
from contextlib import suppress
from typing import cast

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api import origins, pages
from service.api.errors import ApiError, problem_response, unavailable_response
from service.api.rates import Rates
from service.db import UNAVAILABLE, Database, keys
from service.domain import access
from service.domain.access import KEYLESS, Access
from service.domain.errors import KeyRefused
from service.settings import Settings

OPEN_PATHS = ("/healthz", "/readyz", "/openapi.json")
"""Open to everybody, for reading: whether the service lives, and what it can be asked. Beside them
stand the routes of `service.api.pages`, which are files, the same for all."""

METRICS_PATH = "/metrics"

ADMIN_PATHS = ("/v1/audit", METRICS_PATH)
"""What only an admin's key may ask for."""

_READING = ("GET", "HEAD")
_KEYLESS_FOR_S = 1.0
"""For so long a service without keys may not have noticed that it has one."""


class Doors:
    """Remembers whether keys are needed here, which follows from the database."""

    def __init__(self) -> None:
        self._of: Database | None = None
        self._needed = False
        self._until = 0.0

    def recall(self, database: Database, settings: Settings) -> bool | None:
        """Whether a key must be shown; None where the database has to be asked (again)."""
        if settings.is_exposed:
            return True
        return self._needed if self._of is database and time.monotonic() < self._until else None

    def claim(self) -> None:
        """Whoever is about to find out again says so: the others go on with what is known, so that
        not all of a crowd ask the database at the same moment."""
        if self._of is not None:
            self._until = time.monotonic() + _KEYLESS_FOR_S

    def find_out(self, database: Database) -> bool:
        """Asks the database: not for the event loop."""
        with database.reading() as session:
            self._needed = keys.any_exist(session)
        # Keys are never deleted: where there is one it stays so.
        self._until = math.inf if self._needed else time.monotonic() + _KEYLESS_FOR_S
        self._of = database
        return self._needed


class Gate:
    """ASGI middleware: lets a request in, with `request.state.access`, or answers it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            if not is_open(scope):
                request.state.access = await _admit(request)
        except ApiError as refused:
            response = problem_response(
                request, refused.code, refused.detail, headers=refused.headers
            )
        except UNAVAILABLE as error:
            response = unavailable_response(request, error)
        else:
            await self._app(scope, receive, send)
            return
        await response(scope, receive, send)


def is_open(scope: Scope) -> bool:
    """Whether the request needs no key. OPTIONS tells no more than the document does, and a
    browser asks it without any key."""
    if scope["method"] == "OPTIONS":
        return True
    if scope["method"] not in _READING or scope["path"].startswith("/v1/"):
        return False
    asked = {**scope, "method": "GET"}
    return scope["path"] in OPEN_PATHS or any(
        route.matches(asked)[0] is Match.FULL for route in pages.router.routes
    )


def needed_scope(method: str, path: str) -> access.Scope:
    """What a key must allow for this request."""
    if any(path == one or path.startswith(f"{one}/") for one in ADMIN_PATHS):
        return access.Scope.ADMIN
    return access.Scope.READ if method in _READING else access.Scope.WRITE


async def _admit(request: Request) -> Access:
    """Raises ApiError."""
    state = request.app.state
    if _may_read_metrics(request):
        return Access(owner=KEYLESS.owner, scopes=frozenset())
    doors, database, settings = cast(Doors, state.doors), state.database, state.settings
    needed = doors.recall(database, settings)
    if needed is None:
        doors.claim()
        needed = await run_in_threadpool(doors.find_out, database)
    if needed:
        return await run_in_threadpool(_check_key, request, database)
    origins.check_keyless(request, settings)
    return KEYLESS


def _may_read_metrics(request: Request) -> bool:
    """Whether it is Prometheus: it shows a key of its own, which opens nothing else."""
    wanted = cast(Settings, request.app.state.settings).metrics_key
    if not wanted or request.scope["path"] != METRICS_PATH or request.method not in _READING:
        return False
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(
        token.strip().encode(), wanted.encode()
    )


def _check_key(request: Request, database: Database) -> Access:
    token = _read_token(request)
    try:
        with database.reading() as session:
            key, is_first_use = keys.authenticate(session, token)
    except KeyRefused as refused:
        raise _unauthenticated(str(refused), 'error="invalid_token"') from None
    wait_s = cast(Rates, request.app.state.rates).wait_s(key.id)
    if wait_s is not None:
        detail = f"This key made more requests than SUBGRAD_RATE allows. Wait {wait_s} s."
        raise ApiError("too_many_requests", detail, headers={"Retry-After": str(wait_s)})
    if is_first_use:
        # Nobody is refused because of the note: where the disk is full, reading goes on.
        with suppress(*UNAVAILABLE), database.writing() as session:
            keys.note_use(session, key.id)
    found = Access(owner=key.owner, scopes=frozenset(key.scopes), key_id=key.id)
    needed = needed_scope(request.method, request.scope["path"])
    if not found.may(needed):
        raise ApiError(
            "insufficient_scope",
            f"This needs the scope {needed}; this key has {', '.join(key.scopes)}.",
            headers=_challenge(f'error="insufficient_scope", scope="{needed}"'),
        )
    return found


def _read_token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise _unauthenticated(
            "Send a key as `Authorization: Bearer sgk_…`. Whoever runs the service makes one with "
            "`subgrad keys create NAME`.",
        )
    return token.strip()


def _unauthenticated(detail: str, *reason: str) -> ApiError:
    return ApiError("unauthenticated", detail, headers=_challenge(*reason))


def _challenge(*reason: str) -> dict[str, str]:
    return {"WWW-Authenticate": ", ".join(['Bearer realm="subgrad"', *reason])}


def still_admits(request: Request) -> bool:
    """Whether a request that was let in would be let in again: for streams, which last. Asks the
    database."""
    database, found = cast(Database, request.app.state.database), request.state.access
    with database.reading() as session:
        if found.key_id is None:
            return not keys.any_exist(session)
        return keys.is_usable(session, found.key_id)
