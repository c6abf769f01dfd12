"""Reading a resource that changes: by its ETag, and by waiting for its end."""

import hashlib
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

import anyio
from fastapi import Header, Query, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

WaitS = Annotated[
    float, Query(ge=0, le=60, allow_inf_nan=False, description="Seconds to wait for its end")
]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", description="An `ETag` you have")]

ETAG = {"ETag": {"description": "Changes with the resource", "schema": {"type": "string"}}}
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    HTTPStatus.NOT_MODIFIED: {"description": "Not Modified", "headers": ETAG}
}


async def wait_for_end(
    request: Request, has_ended: Callable[[], bool], *, wait_s: float, poll_s: float
) -> None:
    """Returns when it has ended, when the time is up, or when the client has left."""
    deadline = time.monotonic() + wait_s
    while (
        not await run_in_threadpool(has_ended)
        and (left := deadline - time.monotonic()) > 0
        and not await request.is_disconnected()
    ):
        await anyio.sleep(min(left, poll_s))


def answer(resource: BaseModel, if_none_match: str | None) -> Response:
    """The resource, or 304 where the client has exactly this."""
    content = resource.model_dump_json()
    etag = f'"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if _names(if_none_match, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(content, media_type="application/json", headers=headers)


def _names(if_none_match: str | None, etag: str) -> bool:
    """The weak comparison of RFC 9110, section 13.1.2."""
    given = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return etag in given or given == ["*"]
