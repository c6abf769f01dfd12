"""Server-sent events, from bytes to models, and from one connection to the next. Sends nothing.

The format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Generic, TypeVar

import httpx

from service.client.calls import Event, Stream, check, parse
from service.client.errors import Unreachable
from service.client.retries import Outcome, Retries

T = TypeVar("T")

_LINE_END = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True, kw_only=True)
class Message:
    """An event as it was sent."""

    kind: str
    id: str
    data: str


class Parser:
    """Takes a stream in chunks that may end anywhere. An event without its empty line was cut,
    and is none."""

    def __init__(self) -> None:
        self._rest = b""
        self._fields: dict[str, str] = {}
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """The events that this chunk completes."""
        self._rest += chunk
        # A carriage return at the end may be the first half of a line end.
        held = b"\r" if self._rest.endswith(b"\r") else b""
        *lines, rest = _LINE_END.split(self._rest.removesuffix(held))
        self._rest = rest + held
        for line in lines:
            if message := self._take(line.decode(errors="replace")):
                yield message

    def _take(self, line: str) -> Message | None:
        name, _, value = line.partition(":")
        if name == "data":
            self._data.append(value.removeprefix(" "))
        elif name:
            self._fields[name] = value.removeprefix(" ")
        if line or not self._data:
            return None
        fields, data = self._fields, "\n".join(self._data)
        self._fields, self._data = {}, []
        return Message(kind=fields.get("event", ""), id=fields.get("id", ""), data=data)


class Following(Generic[T]):
    """A stream over as many connections as it takes: where it stands, and whether to go on."""

    def __init__(self, stream: Stream[T], retries: Retries) -> None:
        self.ended = False
        self._kinds = stream.kinds
        self._last_id = stream.last_event_id
        self._retries = retries
        self._failures = 0
        self._parser = Parser()

    @property
    def headers(self) -> dict[str, str]:
        """Of the next connection."""
        last = {"Last-Event-ID": self._last_id} if self._last_id else {}
        return {"Accept": "text/event-stream", **last}

    def opens(self, response: httpx.Response) -> bool:
        """Whether there are events to read from this answer."""
        self._parser = Parser()
        self.ended = response.status_code == HTTPStatus.NO_CONTENT
        return response.status_code == HTTPStatus.OK

    def feed(self, chunk: bytes) -> Iterator[Event[T]]:
        """The events that this chunk completes. Those of an unknown kind are passed over."""
        self._failures = 0
        for message in self._parser.feed(chunk):
            self._last_id = message.id or self._last_id
            model: Any = self._kinds.get(message.kind)
            self.ended = message.kind == "end"
            if model is not None:
                data = parse(model, message.data)
                yield Event(kind=message.kind, id=self._last_id, data=data)
            if self.ended:
                return

    def pause_s(self, outcome: Outcome) -> float:
        """Seconds until the next connection after one that ended before the stream. Raises
        Refused or Unreachable where there is to be none."""
        self._failures += 1
        cut = isinstance(outcome, httpx.TransportError) or outcome.status_code == HTTPStatus.OK
        told = httpx.ReadError("the stream was closed before its end") if cut else outcome
        pause = self._retries.pause_s(told, self._failures)
        if pause is not None:
            return pause
        if isinstance(outcome, httpx.Response) and not cut:
            check(outcome)
        raise Unreachable(f"The event stream broke off {self._failures} times in a row: {outcome}")
