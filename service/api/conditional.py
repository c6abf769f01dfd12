"""Reading and changing a resource by its ETag, and waiting for its end."""

import hashlib
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Query, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from service.api.dependencies import DatabaseDep, SettingsDep, WatchesDep
from service.api.errors import ApiError
from service.db import Session

T = TypeVar("T")

WaitS = Annotated[
    float, Query(ge=0, le=60, allow_inf_nan=False, description="Seconds to wait for its end")
]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", description="An `ETag` you have")]
IfMatch = Annotated[
    str | None, Header(alias="If-Match", description="Only while it has this `ETag`; else 412")
]

ETAG = {"ETag": {"description": "Changes with the resource", "schema": {"type": "string"}}}
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    HTTPStatus.NOT_MODIFIED: {"description": "Not Modified", "headers": ETAG}
}


class Reading:
    """How a client reads a resource that ends: at once or when it has ended, and whole or, where
    it has exactly this already, as 304."""

    def __init__(
        self,
        *,
        request: Request,
        settings: SettingsDep,
        database: DatabaseDep,
        watches: WatchesDep,
        wait: WaitS = 0,
        if_none_match: IfNoneMatch = None,
    ) -> None:
        self._request, self._database = request, database
        self._watches, self._apart_s = watches, settings.poll_s
        self._wait_s, self._if_none_match = wait, if_none_match

    async def answer(
        self,
        find: Callable[[Session, str], BaseModel],
        has_ended: Callable[[Session, str], bool],
        resource_id: str,
    ) -> Response:
        """The resource when it has ended, when the time is up, or when the client has left."""
        if self._wait_s:
            await self._wait(has_ended, resource_id)
        return _answer(await self._ask(find, resource_id), self._if_none_match)

    async def _wait(self, has_ended: Callable[[Session, str], bool], resource_id: str) -> None:
        deadline = time.monotonic() + self._wait_s
        with self._watches.watching(resource_id, apart_s=self._apart_s, moves_only=True) as watch:
            watch.before_look()
            while (
                not await self._ask(has_ended, resource_id)
                and (left := deadline - time.monotonic()) > 0
                and not await self._request.is_disconnected()
            ):
                await watch.until_due(left)
                watch.before_look()

    async def _ask(self, question: Callable[[Session, str], T], resource_id: str) -> T:
        def ask() -> T:
            with self._database.reading() as session:
                return question(session, resource_id)

        return await run_in_threadpool(ask)


ReadingDep = Annotated[Reading, Depends()]


def _answer(resource: BaseModel, if_none_match: str | None) -> Response:
    """The resource, or 304 where the client has exactly this."""
    content = resource.model_dump_json()
    etag = _etag_of(content)
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if _names(if_none_match, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(content, media_type="application/json", headers=headers)


def require_match(
    if_match: str | None,
    session: Session,
    find_locked: Callable[[Session, str], BaseModel],
    resource_id: str,
) -> None:
    """Raises ApiError where the client wants to change what it has not seen. `find_locked`: nobody
    else changes the resource until the transaction ends."""
    if if_match is None:
        return
    etag = _etag_of(find_locked(session, resource_id).model_dump_json())
    # The strong comparison of RFC 9110, section 13.1.1: a weak tag is never equal.
    given = [tag.strip() for tag in if_match.split(",")]
    if etag not in given and given != ["*"]:
        raise ApiError(
            "precondition_failed",
            f"The resource has changed: its ETag is {etag} now. Read it again, and decide anew.",
        )


def _etag_of(content: str) -> str:
    return f'"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'


def _names(if_none_match: str | None, etag: str) -> bool:
    """The weak comparison of RFC 9110, section 13.1.2."""
    given = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return etag in given or given == ["*"]
