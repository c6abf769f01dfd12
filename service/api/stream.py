"""Server-sent events out of the database: what every resource's stream has in common.

A position says all that was sent so far and is the id of each event. Looking at the database
after a position gives the news and their positions, so a client that comes back with its last id
gets what follows. Nothing is kept between two looks. When to look is `service.api.watching`'s.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from http import HTTPStatus
from typing import Annotated, Any, Protocol, TypeVar

from fastapi import Header, Request, Response
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from starlette.concurrency import run_in_threadpool

from service.api.errors import ApiError, invalid
from service.api.middleware.gate import still_admits
from service.api.middleware.head import wants_head
from service.api.watching import Watch
from service.db import UNAVAILABLE
from service.domain.base import DomainModel

LONGEST_STREAM_S = 3600.0
"""Then the stream closes and the client comes back by itself."""

PING_S = 15.0
"""Silence after which a comment is sent, for proxies that close silent connections."""

LastEventId = Annotated[
    str, Header(alias="Last-Event-ID", description="Id of the last event you have")
]

NOTHING_LEFT: dict[int | str, dict[str, Any]] = {
    HTTPStatus.NO_CONTENT: {"description": "`end` was sent before, and nothing followed"}
}


class Position(Protocol):
    """What was sent so far; as text, the id of an event."""

    @property
    def ended(self) -> bool: ...

    def __str__(self) -> str: ...


P = TypeVar("P", bound=Position)

News = list[tuple[P, str, DomainModel]]
"""Events of a kind, each with the position that it leads to."""


def documented(example: str) -> dict[int | str, dict[str, Any]]:
    """What an operation that streams answers."""
    stream = {"content": {"text/event-stream": {"example": example}}}
    return {HTTPStatus.OK: stream, **NOTHING_LEFT}


def unknown_id(resource: str) -> ApiError:
    return invalid(
        "/header/Last-Event-ID",
        f"is not the id of an event of this {resource}; leave it out to start at the first",
    )


def respond(
    request: Request,
    look: Callable[[P], News[P]],
    position: P,
    watching: AbstractContextManager[Watch],
) -> Response:
    """Streams the news after the position until an event leads to one that has ended, or until
    the client may not read it any more. It looks whenever `watching` says so."""
    # The second header keeps nginx from collecting events.
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    if wants_head(request):
        return Response(media_type=EventSourceResponse.media_type, headers=headers)
    events = _follow(look, position, watching, lambda: still_admits(request))
    return EventSourceResponse(events, headers=headers)


# Not a generator endpoint of FastAPI's: that one pipes events through two more tasks, which fail
# with BrokenResourceError where a client leaves while they send (seen with 0.165).
async def _follow(
    look: Callable[[P], News[P]],
    position: P,
    watching: AbstractContextManager[Watch],
    may_go_on: Callable[[], bool],
) -> AsyncIterator[bytes]:
    closes_at = time.monotonic() + LONGEST_STREAM_S
    heard_at = checked_at = time.monotonic()
    with watching as watch:
        while not position.ended and time.monotonic() < closes_at:
            try:
                if time.monotonic() - checked_at > PING_S:
                    if not await run_in_threadpool(may_go_on):
                        return  # the client comes back and is told why
                    checked_at = time.monotonic()
                watch.before_look()
                news = await run_in_threadpool(look, position)
            except UNAVAILABLE:
                return  # the client comes back with the last id that it got
            for reached, kind, data in news:
                position = reached
                text = data.model_dump_json()
                yield format_sse_event(event=kind, id=str(reached), data_str=text)
            if news:
                watch.after_news()
                heard_at = time.monotonic()
                continue
            if time.monotonic() - heard_at > PING_S:
                yield KEEPALIVE_COMMENT
                heard_at = time.monotonic()
            await watch.until_due()
