"""The life of a job as server-sent events.

Three kinds: `status` (a StatusChange), `epoch` (EpochMetrics) and, last, `end` (the Job). The id
of each tells all that was sent up to it: "3-17" means status changes up to the third and epochs
up to 17; "2-" means that no epoch was sent yet; "4-20-end" that nothing is left. A client that
comes back with it as `Last-Event-ID` gets what follows, without gap or repeat.
"""

import re
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Annotated

import anyio
from fastapi import APIRouter, Header, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from starlette.concurrency import run_in_threadpool

from service.api import examples
from service.api.dependencies import DatabaseDep, JobId, SettingsDep
from service.api.errors import invalid
from service.api.openapi import problems
from service.db import UNAVAILABLE, Database, jobs, metrics
from service.domain.base import DomainModel
from service.domain.job import Job, StatusChange
from service.domain.metrics import EpochMetrics
from service.domain.states import TERMINAL

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["series"])

LONGEST_STREAM_S = 3600.0
"""Then the stream closes and the client comes back by itself."""

PING_S = 15.0
"""Silence after which a comment is sent, for proxies that close silent connections."""

_MOST_EPOCHS = 500

_ID = re.compile(r"([0-9]{1,9})-([0-9]{0,9})(-end)?")


@dataclass(frozen=True, kw_only=True)
class Position:
    """What was sent so far: status changes up to `seq`, epochs up to `epoch` (-1: none)."""

    seq: int = 0
    epoch: int = -1
    ended: bool = False

    @classmethod
    def parse(cls, text: str) -> "Position | None":
        found = _ID.fullmatch(text)
        if found is None:
            return None
        seq, epoch, end = found.groups()
        return cls(seq=int(seq), epoch=int(epoch or -1), ended=end is not None)

    def __str__(self) -> str:
        epoch = "" if self.epoch < 0 else self.epoch
        return f"{self.seq}-{epoch}{'-end' if self.ended else ''}"


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={
        HTTPStatus.OK: {"content": {"text/event-stream": {"example": examples.EVENTS}}},
        HTTPStatus.NO_CONTENT: {"description": "`end` was sent before, and nothing followed"},
        **problems("job_not_found"),
    },
)
def stream_events(
    job_id: JobId,
    settings: SettingsDep,
    database: DatabaseDep,
    last_event_id: Annotated[
        str, Header(alias="Last-Event-ID", description="Id of the last event you have")
    ] = "",
) -> Response:
    """Follow a job: its status changes and epochs so far, then each as it happens."""
    with database.reading() as session:
        now = jobs.glance(session, job_id)
    position = Position.parse(last_event_id) if last_event_id else Position()
    if position is None or position.seq > now.status_seq:
        raise invalid(
            "/header/Last-Event-ID",
            "is not the id of an event of this job; leave it out to start at the first",
        )
    if position.ended and position.seq == now.status_seq:
        # What tells a browser's EventSource not to come back.
        return Response(status_code=HTTPStatus.NO_CONTENT)
    stream = _follow(database, job_id, replace(position, ended=False), settings.poll_s)
    # The second header keeps nginx from collecting events.
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return EventSourceResponse(stream, headers=headers)


# Not a generator endpoint of FastAPI's: that one pipes events through two more tasks, which fail
# with BrokenResourceError where a client leaves while they send (seen with 0.165).
async def _follow(
    database: Database, job_id: str, position: Position, poll_s: float
) -> AsyncIterator[bytes]:
    closes_at = time.monotonic() + LONGEST_STREAM_S
    heard_at = time.monotonic()
    while not position.ended and time.monotonic() < closes_at:
        try:
            news = await run_in_threadpool(_read_news, database, job_id, position)
        except UNAVAILABLE:
            return  # the client comes back with the last id that it got
        for reached, kind, data in news:
            position = reached
            text = data.model_dump_json()
            yield format_sse_event(event=kind, id=str(reached), data_str=text)
        if news:
            heard_at = time.monotonic()
            continue
        if time.monotonic() - heard_at > PING_S:
            yield KEEPALIVE_COMMENT
            heard_at = time.monotonic()
        await anyio.sleep(poll_s)


News = list[tuple[Position, str, DomainModel]]
"""Events, each with the position that it leads to."""


def _read_news(database: Database, job_id: str, position: Position) -> News:
    with database.reading() as session:
        now = jobs.glance(session, job_id)
        has_ended = now.status in TERMINAL
        newest = -1 if now.last_epoch is None else now.last_epoch
        if not has_ended and now.status_seq == position.seq and newest <= position.epoch:
            return []
        changes = jobs.status_changes(session, job_id, after_seq=position.seq)
        epochs = metrics.epochs_after(
            session, job_id, after_epoch=position.epoch, limit=_MOST_EPOCHS
        )
        job = jobs.find(session, job_id) if has_ended else None
    return list(_in_order(position, changes, epochs, job))


def _in_order(
    position: Position, changes: list[StatusChange], epochs: list[EpochMetrics], ended: Job | None
) -> Iterator[tuple[Position, str, DomainModel]]:
    """The terminal status comes after the last epoch, `end` after both."""
    last = changes[-1:] if changes and changes[-1].status in TERMINAL else []
    for change in changes[: len(changes) - len(last)]:
        position = replace(position, seq=change.seq, ended=False)
        yield position, "status", change
    for epoch in epochs:
        position = replace(position, epoch=epoch.epoch)
        yield position, "epoch", epoch
    if len(epochs) == _MOST_EPOCHS:
        return  # there may be more
    for change in last:
        position = replace(position, seq=change.seq)
        yield position, "status", change
    if ended is not None:
        yield replace(position, ended=True), "end", ended
