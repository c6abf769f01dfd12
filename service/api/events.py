"""The life of a job as server-sent events.

Three kinds: `status` (a StatusChange), `epoch` (EpochMetrics) and, last, `end` (the Job). The id
of each tells all that was sent up to it: "3-17" means status changes up to the third and epochs
up to 17; "2-" means that no epoch was sent yet; "4-20-end" that nothing is left. A client that
comes back with it as `Last-Event-ID` gets what follows, without gap or repeat.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from service.api import stream
from service.api.dependencies import DatabaseDep, JobId, SettingsDep, WatchesDep
from service.api.examples import jobs as examples
from service.api.openapi import problems
from service.api.stream import LastEventId, documented
from service.db import Database, jobs, metrics
from service.domain.base import DomainModel
from service.domain.job import Job, StatusChange
from service.domain.metrics import EpochMetrics
from service.domain.states import TERMINAL

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["series"])

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
    responses={**documented(examples.EVENTS), **problems("job_not_found")},
)
def stream_events(
    *,
    job_id: JobId,
    request: Request,
    settings: SettingsDep,
    database: DatabaseDep,
    watches: WatchesDep,
    last_event_id: LastEventId = "",
) -> Response:
    """Follow a job: its status changes and epochs so far, then each as it happens."""
    with database.reading() as session:
        now = jobs.glance(session, job_id)
    position = Position.parse(last_event_id) if last_event_id else Position()
    if position is None or position.seq > now.status_seq:
        raise stream.unknown_id("job")
    if position.ended and position.seq == now.status_seq:
        # What tells a browser's EventSource not to come back.
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return stream.respond(
        request,
        lambda after: _read_news(database, job_id, after),
        replace(position, ended=False),
        watches.watching(job_id, apart_s=settings.poll_s),
    )


def _read_news(
    database: Database, job_id: str, position: Position
) -> list[tuple[Position, str, DomainModel]]:
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
