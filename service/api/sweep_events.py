"""The progress of a sweep as server-sent events.

Two kinds: `progress` (a SweepProgress: the present state, whenever it differs from the one sent
before) and, last, `end` (the Sweep). The id of each is the number of moves and of epochs of all
members so far, "372-1344"; with "-end" behind it nothing is left. A client that comes back with it
as `Last-Event-ID` gets the present state if anything happened meanwhile: states may be passed
over, none comes twice, and the last one always comes.
"""

import re
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from service.api import stream
from service.api.dependencies import DatabaseDep, SettingsDep, SweepId, WatchesDep
from service.api.examples import jobs as examples
from service.api.openapi import problems
from service.api.stream import LastEventId, documented
from service.db import Database, sweeps
from service.domain.base import DomainModel
from service.domain.states import TERMINAL

router = APIRouter(prefix="/v1/sweeps/{sweep_id}", tags=["sweeps"])

_LOOKS_APART = 5
"""Looking at a thousand members costs more than at one job, so it is done as much less often."""

_ID = re.compile(r"([0-9]{1,15})-([0-9]{1,15})(-end)?")


@dataclass(frozen=True, kw_only=True)
class Position:
    """The state that was sent last: moves and epochs of all members up to then."""

    moves: int = -1
    epochs: int = -1
    ended: bool = False

    @classmethod
    def parse(cls, text: str) -> "Position | None":
        found = _ID.fullmatch(text)
        if found is None:
            return None
        return cls(moves=int(found[1]), epochs=int(found[2]), ended=found[3] is not None)

    def __str__(self) -> str:
        return f"{self.moves}-{self.epochs}{'-end' if self.ended else ''}"


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={**documented(examples.SWEEP_EVENTS), **problems("sweep_not_found")},
)
def stream_sweep_events(
    *,
    sweep_id: SweepId,
    request: Request,
    settings: SettingsDep,
    database: DatabaseDep,
    watches: WatchesDep,
    last_event_id: LastEventId = "",
) -> Response:
    """Follow a sweep: where its members stand, now and whenever that changes."""
    position = Position.parse(last_event_id) if last_event_id else Position()
    if position is None:
        raise stream.unknown_id("sweep")
    with database.reading() as session:
        now = sweeps.standing(session, sweep_id)
    if position.ended and (position.moves, position.epochs) == now.position:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    start = Position(moves=position.moves, epochs=position.epochs)
    return stream.respond(
        request,
        lambda after: _read_news(database, sweep_id, after),
        start,
        watches.watching(sweep_id, apart_s=_LOOKS_APART * settings.poll_s),
    )


def _read_news(
    database: Database, sweep_id: str, position: Position
) -> list[tuple[Position, str, DomainModel]]:
    with database.reading() as session:
        now = sweeps.standing(session, sweep_id)
        progress = now.progress()
        ended = sweeps.find(session, sweep_id) if progress.status in TERMINAL else None
    moves, epochs = now.position
    news: list[tuple[Position, str, DomainModel]] = []
    if (moves, epochs) != (position.moves, position.epochs):
        news.append((Position(moves=moves, epochs=epochs), "progress", progress))
    if ended is not None:
        news.append((Position(moves=moves, epochs=epochs, ended=True), "end", ended))
    return news
