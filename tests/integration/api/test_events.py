"""Following a job: every event once, in order, over any number of connections."""

import random
import threading
import time
from collections.abc import Callable

import httpx
import pytest
from fastapi import FastAPI

from service.api import events as api_events
from service.api import stream
from service.db import Database
from tests.integration.api.problems import pointers
from tests.integration.api.streams import events, follow, follow_with_cuts
from tests.integration.db.record import (
    cancel,
    epoch,
    finish,
    hand_back,
    queue,
    record,
    running,
    take,
)


def _ended(database: Database, epochs: int = 3) -> str:
    job_id, held = running(database)
    record(database, held, *(epoch(job_id, n, train_loss=1.0) for n in range(epochs)))
    finish(database, held)
    return job_id


def test_an_ended_job_is_told_from_its_beginning_to_its_end(
    http: httpx.Client, database: Database
) -> None:
    told = follow(http, _ended(database))
    labels = ["queued", "running", "0", "1", "2", "succeeded", "end"]
    assert [event.label for event in told] == labels
    ids = ["1-", "2-", "2-0", "2-1", "2-2", "3-2", "3-2-end"]
    assert [event.id for event in told] == ids
    assert told[-1].data["status"] == "succeeded"


def test_a_running_job_is_told_as_it_happens(http: httpx.Client, database: Database) -> None:
    job_id = queue(database)
    with http.stream("GET", f"/v1/jobs/{job_id}/events") as response:
        told = events(response)
        assert next(told).label == "queued"
        held = take(database, job_id)
        assert next(told).label == "running"
        for number in range(3):
            record(database, held, epoch(job_id, number, train_loss=float("nan")))
            event = next(told)
            assert event.label == str(number)
            assert event.data["train_loss"] == "NaN"
        finish(database, held)
        assert [event.label for event in told] == ["succeeded", "end"]


def test_a_stream_cut_anywhere_goes_on_without_gap_or_repeat(
    http: httpx.Client, database: Database
) -> None:
    job_id = _ended(database)
    whole = follow(http, job_id)
    for cut in range(1, len(whole)):
        assert follow(http, job_id, whole[cut - 1].id) == whole[cut:]


@pytest.mark.parametrize("seed", range(3))
def test_cuts_at_any_byte_while_it_runs_lose_and_double_nothing(
    http: httpx.Client, database: Database, seed: int
) -> None:
    job_id, held = running(database)
    epochs = 40

    def train() -> None:
        for number in range(epochs):
            record(database, held, epoch(job_id, number))
        finish(database, held)

    worker = threading.Thread(target=train)
    worker.start()
    told = follow_with_cuts(http, f"/v1/jobs/{job_id}/events", random.Random(seed))
    worker.join()
    labels = [event.label for event in told]
    assert labels == ["queued", "running", *map(str, range(epochs)), "succeeded", "end"]


def test_a_second_attempt_repeats_no_epoch(http: httpx.Client, database: Database) -> None:
    job_id, held = running(database)
    with http.stream("GET", f"/v1/jobs/{job_id}/events") as response:
        told = events(response)
        record(database, held, *(epoch(job_id, n) for n in range(3)))
        assert [next(told).label for _ in range(5)] == ["queued", "running", "0", "1", "2"]
        hand_back(database, held)
        assert next(told).label == "queued"
        held = take(database, job_id)
        assert next(told).label == "running"
        record(database, held, *(epoch(job_id, n) for n in range(4)))
        assert next(told).label == "3"
        finish(database, held)
        assert [event.label for event in told] == ["succeeded", "end"]


def test_more_epochs_than_one_look_reads_stand_before_the_end(
    http: httpx.Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_events, "_MOST_EPOCHS", 2)
    job_id = _ended(database, epochs=4)
    labels = ["queued", "running", "0", "1", "2", "3", "succeeded", "end"]
    assert [event.label for event in follow(http, job_id)] == labels


def test_a_job_cancelled_in_the_queue_ends_its_stream(
    http: httpx.Client, database: Database
) -> None:
    job_id = queue(database)
    cancel(database, job_id)
    told = follow(http, job_id)
    assert [(event.label, event.id) for event in told] == [
        ("queued", "1-"),
        ("cancelled", "2-"),
        ("end", "2--end"),
    ]


def test_after_the_end_a_browser_is_told_to_stay_away(
    http: httpx.Client, database: Database
) -> None:
    job_id = _ended(database)
    last_id = follow(http, job_id)[-1].id
    response = http.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": last_id})
    assert (response.status_code, response.content) == (204, b"")


@pytest.mark.parametrize(
    "last_id", ["x", "1", "-1", "1-x", "1-2-3", "1-2-end-", "9-1", "1" * 30, "1-٣", "%00"]
)
def test_an_id_that_no_event_had_is_refused(
    http: httpx.Client, database: Database, last_id: str
) -> None:
    headers = {b"Last-Event-ID": last_id.encode()}
    response = http.get(f"/v1/jobs/{queue(database)}/events", headers=headers)
    assert pointers(response, "invalid_request") == ["/header/Last-Event-ID"]


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_nothing_runs_on_for_a_client_that_left(
    app: FastAPI, http: httpx.Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    read_news = api_events._read_news

    def count(*arguments: object) -> object:
        nonlocal looks
        looks += 1
        return read_news(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(api_events, "_read_news", count)
    job_id = queue(database)
    with http.stream("GET", f"/v1/jobs/{job_id}/events") as response:
        told = events(response)
        next(told)
        _wait_for(lambda: looks > 3)

    def has_stopped() -> bool:
        before = looks
        time.sleep(10 * app.state.settings.poll_s)
        return looks == before

    _wait_for(has_stopped)


def test_a_stream_closes_after_its_longest_life(
    http: httpx.Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "LONGEST_STREAM_S", 0.05)
    told = follow(http, queue(database))
    assert [event.label for event in told] == ["queued"]
