"""Following a sweep: the present state, then every change, over any number of connections."""

import json
import random
import threading
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx
import pytest

from service.db import Database
from tests.integration.api.problems import pointers
from tests.integration.api.streams import Event, events, follow_with_cuts
from tests.integration.db.record import (
    cancel,
    epoch,
    finish,
    members,
    queue_sweep,
    record,
    retry,
    take,
)


def _follow(http: httpx.Client, sweep_id: str, last_id: str = "") -> list[Event]:
    headers = {"Last-Event-ID": last_id}
    with http.stream("GET", f"/v1/sweeps/{sweep_id}/events", headers=headers) as response:
        assert response.status_code == 200, response.read()
        return list(events(response))


def _until(told: Iterator[Event], **counts: int) -> Event:
    """The first event in which the members stand like this."""
    return next(event for event in told if counts.items() <= event.data["counts"].items())


def test_a_sweep_is_told_as_it_happens(http: httpx.Client, database: Database) -> None:
    sweep_id = queue_sweep(database, {"seed": {"range": 3}})
    jobs = members(database, sweep_id)
    with http.stream("GET", f"/v1/sweeps/{sweep_id}/events") as response:
        told = events(response)
        first = next(told)
        assert (first.kind, first.id, first.data["counts"]["queued"]) == ("progress", "3-0", 3)
        held = take(database, jobs[0])
        assert _until(told, running=1).id == "4-0"
        record(database, held, epoch(jobs[0], 0), epoch(jobs[0], 1))
        measured = next(told)
        assert measured.id == "4-2"
        assert measured.data["progress"] == pytest.approx(1 / 9)
        finish(database, held)
        assert _until(told, succeeded=1).data["status"] == "running"
        for job_id in jobs[1:]:
            cancel(database, job_id)
        assert _until(told, cancelled=2).data["status"] == "cancelled"
        end = next(told)
        assert (end.kind, end.data["id"], end.data["status"]) == ("end", sweep_id, "cancelled")
        assert list(told) == []


def test_a_client_that_comes_back_hears_only_what_is_new(
    http: httpx.Client, database: Database
) -> None:
    sweep_id = queue_sweep(database, {"seed": {"range": 2}})
    first, second = members(database, sweep_id)
    cancel(database, first)
    cancel(database, second)
    told = _follow(http, sweep_id)
    assert [(event.kind, event.id) for event in told] == [("progress", "4-0"), ("end", "4-0-end")]
    assert _follow(http, sweep_id, "3-0") == told
    assert _follow(http, sweep_id, "4-0") == told[1:]
    path = f"/v1/sweeps/{sweep_id}/events"
    gone = http.get(path, headers={"Last-Event-ID": "4-0-end"})
    assert (gone.status_code, gone.content) == (204, b"")
    retry(database, second)
    cancel(database, second)
    assert [event.id for event in _follow(http, sweep_id, "4-0-end")] == ["6-0", "6-0-end"]


def test_no_state_comes_twice_over_many_connections(http: httpx.Client, database: Database) -> None:
    sweep_id = queue_sweep(database, {"seed": {"range": 6}})
    seen: list[Event] = []
    for job_id in members(database, sweep_id):
        held = take(database, job_id)
        record(database, held, epoch(job_id, 0))
        finish(database, held)
        headers = {"Last-Event-ID": seen[-1].id if seen else ""}
        with http.stream("GET", f"/v1/sweeps/{sweep_id}/events", headers=headers) as response:
            seen.append(next(events(response)))
    succeeded = [event.data["counts"]["succeeded"] for event in seen]
    assert all(before < after for before, after in pairwise(succeeded))
    assert succeeded[-1] == 6
    assert [event.kind for event in _follow(http, sweep_id, seen[-1].id)] == ["end"]


@pytest.mark.parametrize("seed", range(3))
def test_cuts_at_any_byte_pass_over_states_and_repeat_none(
    http: httpx.Client, database: Database, seed: int
) -> None:
    sweep_id = queue_sweep(database, {"seed": {"range": 8}})

    def train() -> None:
        for job_id in members(database, sweep_id):
            held = take(database, job_id)
            record(database, held, epoch(job_id, 0), epoch(job_id, 1))
            finish(database, held)

    worker = threading.Thread(target=train)
    worker.start()
    path = f"/v1/sweeps/{sweep_id}/events"
    *told, end = follow_with_cuts(http, path, random.Random(seed))
    worker.join()
    positions = [tuple(map(int, event.id.split("-"))) for event in told]
    assert positions == sorted(set(positions))
    assert all(event.kind == "progress" for event in told)
    assert told[-1].data["counts"]["succeeded"] == 8
    assert (end.kind, end.data["status"]) == ("end", "succeeded")


@pytest.mark.parametrize("last_id", ["x", "1", "-", "1-", "-1", "1-2-3", "1-2-end-", "1-٣"])
def test_an_id_that_no_event_had_is_refused(
    http: httpx.Client, database: Database, last_id: str
) -> None:
    sweep_id = queue_sweep(database, {"seed": [0]})
    headers = {b"Last-Event-ID": last_id.encode()}
    response = http.get(f"/v1/sweeps/{sweep_id}/events", headers=headers)
    assert pointers(response, "invalid_request") == ["/header/Last-Event-ID"]


def test_the_documented_event_has_the_form_of_a_real_one(
    http: httpx.Client, database: Database
) -> None:
    from service.api.examples import jobs as examples  # noqa: PLC0415

    sweep_id = queue_sweep(database, {"seed": [0]})
    cancel(database, members(database, sweep_id)[0])
    real = _follow(http, sweep_id)[0]
    documented: dict[str, Any] = json.loads(examples.SWEEP_EVENTS.split("data: ")[1].split("\n")[0])
    assert documented.keys() == real.data.keys()
