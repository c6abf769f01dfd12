"""Reading server-sent events."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
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
    fields: dict[str, str] = {}
    for line in response.iter_lines():
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
