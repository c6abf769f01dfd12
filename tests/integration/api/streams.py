"""Reading server-sent events."""

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx


@dataclass(frozen=True, kw_only=True)
class Event:
    kind: str
    id: str
    data: dict[str, Any]

    @property
    def label(self) -> str:
        """What happened, in a word."""
        if self.kind == "status":
            return str(self.data["status"])
        return str(self.data["epoch"]) if self.kind == "epoch" else "end"


def events(response: httpx.Response) -> Iterator[Event]:
    """The events of an open stream as they come."""
    yield from _parsed(response.iter_lines())


def _parsed(lines: Iterable[str]) -> Iterator[Event]:
    """The events that came whole."""
    fields: dict[str, str] = {}
    for line in lines:
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield Event(kind=fields["event"], id=fields["id"], data=json.loads(fields["data"]))
            fields = {}


def follow(http: httpx.Client, job_id: str, last_id: str | None = None) -> list[Event]:
    """Everything that the job's stream tells until it closes."""
    headers = {"Last-Event-ID": last_id} if last_id else {}
    with http.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        return list(events(response))


def follow_with_cuts(http: httpx.Client, path: str, chance: random.Random) -> list[Event]:
    """Everything that a stream tells until nothing is left, over connections each of which is cut
    after some bytes, in the middle of an event more often than not."""
    told: list[Event] = []
    while True:
        most, received = chance.randrange(1, 2_000), b""
        headers = {"Last-Event-ID": told[-1].id if told else ""}
        with http.stream("GET", path, headers=headers) as response:
            if response.status_code == HTTPStatus.NO_CONTENT:
                return told
            for chunk in response.iter_raw():
                received += chunk
                if len(received) >= most:
                    break
        told += _parsed(received[:most].decode(errors="ignore").splitlines())
