"""Streams hear of changes through Redis: real API processes and workers, and one API in the test's
own process, whose looks at the database are counted."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx
import pytest
import redis as client
from fastapi import FastAPI
from sqlalchemy import event

from service.api import create_app
from service.db import Database
from service.hints import Hint, channel
from tests.integration.api.conftest import serving
from tests.integration.api.streams import Event, events
from tests.servers import Redis, free_port
from tests.stack import Stack, digits_spec, slow_spec, wait_for

NEVER_S = 1e6


class Counted:
    """An API in this process, beside the others."""

    def __init__(self, app: FastAPI, http: httpx.Client, database: Database) -> None:
        self.app, self.http, self.statements = app, http, 0
        event.listen(database.engine, "after_cursor_execute", self._count)

    def _count(self, *_: Any) -> None:
        self.statements += 1

    @property
    def hears(self) -> bool:
        return bool(self.app.state.watches.hears)

    def wait_until_it_hears(self) -> None:
        wait_for(lambda: self.hears, what="hints are heard of")

    def wait_for_statements(self, more: int, *, timeout_s: float = 60.0) -> float:
        """The seconds until it has asked the database so many times more."""
        began, before = time.monotonic(), self.statements
        wait_for(
            lambda: self.statements >= before + more,
            what=f"{more} more statements",
            timeout_s=timeout_s,
        )
        return time.monotonic() - began

    @contextmanager
    def following(self, path: str) -> Iterator[Iterator[Event]]:
        with self.http.stream("GET", path) as response:
            assert response.status_code == 200
            yield events(response)


@contextmanager
def _counted(stack: Stack, *, look_anyway_s: float | None = None) -> Iterator[Counted]:
    database = Database(stack.settings.resolved_database_url)
    app = create_app(stack.settings, database)
    if look_anyway_s is not None:
        app.state.watches.look_anyway_s = look_anyway_s
    with serving(app) as url, httpx.Client(base_url=url, timeout=70) as http:
        yield Counted(app, http, database)
    database.dispose()


def _labels(told: list[Event]) -> list[str]:
    return [one.label for one in told]


def _follow_in_thread(http: httpx.Client, job_id: str) -> tuple[threading.Thread, list[Event]]:
    told: list[Event] = []

    def follow() -> None:
        with http.stream("GET", f"/v1/jobs/{job_id}/events") as response:
            told.extend(events(response))

    thread = threading.Thread(target=follow)
    thread.start()
    return thread, told


def test_an_idle_stream_leaves_the_database_alone_while_hints_are_heard_of(
    fragile: Stack, redis: Redis
) -> None:
    fragile.start("service.api")
    fragile.wait_until_listening()
    job_id = fragile.post(digits_spec())
    with _counted(fragile) as api, api.following(f"/v1/jobs/{job_id}/events") as told:
        assert next(told).label == "queued"
        api.wait_until_it_hears()
        api.wait_for_statements(1)  # the last look of before
        # By itself it looks every 2 s; as without hints it would take 4 x 0.02 s.
        assert api.wait_for_statements(4) > 1
        redis.kill()
        wait_for(lambda: not api.hears, what="Redis is missed")
        api.wait_for_statements(40, timeout_s=20)
        redis.start()
        api.wait_until_it_hears()
        api.wait_for_statements(1)
        assert api.wait_for_statements(4) > 1
        fragile.http.post(f"/v1/jobs/{job_id}/cancel").raise_for_status()
        assert _labels(list(told)) == ["cancelled", "end"]


def test_without_redis_streams_tell_the_same(fragile: Stack, redis: Redis) -> None:
    fragile.start("service.api")
    fragile.wait_until_listening()
    job_id = fragile.post(digits_spec())
    redis.kill()
    with _counted(fragile) as api, api.following(f"/v1/jobs/{job_id}/events") as told:
        assert next(told).label == "queued"
        fragile.http.post(f"/v1/jobs/{job_id}/cancel").raise_for_status()
        assert _labels(list(told)) == ["cancelled", "end"]


def test_whoever_changes_something_tells_of_it(fragile: Stack) -> None:
    """The API that is asked never looks by itself: what it says it was told of."""
    fragile.start_all()
    with _counted(fragile, look_anyway_s=NEVER_S) as api:
        api.wait_until_it_hears()
        base = digits_spec(epochs=20)
        sweep = {"base": base, "axes": {"seed": {"range": 3}}}
        sweep_id = fragile.http.post("/v1/sweeps", json=sweep).raise_for_status().json()["id"]
        study = {"template": "softplus-limit"}
        study_id = fragile.http.post("/v1/studies", json=study).raise_for_status().json()["id"]
        with api.following(f"/v1/sweeps/{sweep_id}/events") as told:
            kinds = [one.kind for one in told]
        assert kinds[-1] == "end"
        job_id = fragile.post(base)
        with api.following(f"/v1/jobs/{job_id}/events") as told:
            labels = _labels(list(told))
        assert labels == ["queued", "running", *map(str, range(21)), "succeeded", "end"]
        for path in (f"/v1/jobs/{fragile.post(base)}", f"/v1/studies/{study_id}"):
            wait_for(partial(_has_ended, api.http, path), what=f"{path} has ended")


def _has_ended(http: httpx.Client, path: str) -> bool:
    read = http.get(path, params={"wait": 60}).raise_for_status().json()
    return read["finished_at"] is not None


def test_a_worker_that_is_killed_is_told_of_by_the_reaper(fragile: Stack) -> None:
    fragile.settings = fragile.settings.model_copy(update={"lease_s": 3.0})
    fragile.start_all()
    with _counted(fragile, look_anyway_s=NEVER_S) as api:
        api.wait_until_it_hears()
        job_id = fragile.post(slow_spec(epochs=2000))
        with api.following(f"/v1/jobs/{job_id}/events") as told:
            while next(told).label != "3":
                pass
            fragile.stop("workers", by=signal.SIGKILL)
            assert next(one for one in told if one.kind == "status").label == "queued"
            fragile.http.post(f"/v1/jobs/{job_id}/cancel").raise_for_status()
            assert _labels(list(told)) == ["cancelled", "end"]


@pytest.mark.parametrize("hints", ["as they come", "doubled and false"])
def test_redis_dies_and_returns_in_mid_stream_and_no_event_is_lost_or_doubled(
    fragile: Stack, redis: Redis, hints: str
) -> None:
    fragile.start_all()
    port = free_port()
    fragile.start("service.api", settings=fragile.settings.model_copy(update={"port": port}))
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=70) as other:
        wait_for(lambda: _answers(other), what="the second API answers")
        job_id = fragile.post(slow_spec(epochs=80))
        followers = [_follow_in_thread(http, job_id) for http in (other, fragile.http)]
        with httpx.Client(base_url=fragile.http.base_url) as watching:
            _wait_for_epoch(watching, job_id, 5)
            redis.kill()
            _wait_for_epoch(watching, job_id, 30)
            redis.start()
            for http in (other, watching):
                wait_for(partial(_hears, http), what="hints are heard of again")
            if hints == "doubled and false":
                _disturb(redis, channel(fragile.settings), job_id)
            for thread, _ in followers:
                thread.join(120)
    for _, told in followers:
        labels = _labels(told)
        assert labels == ["queued", "running", *map(str, range(81)), "succeeded", "end"]


def _disturb(redis: Redis, where: str, job_id: str) -> None:
    with client.Redis.from_url(redis.url) as broker:
        for number in range(100):
            hint = Hint(moved=[job_id, f"job_{number}"], measured=[job_id])
            assert broker.publish(where, hint.model_dump_json()) == 2
            broker.publish(where, b"no hint")


def _answers(http: httpx.Client) -> bool:
    try:
        return http.get("/healthz").is_success
    except httpx.TransportError:
        return False


def _hears(http: httpx.Client) -> bool:
    return "subgrad_hints_up 1.0" in http.get("/metrics").text


def _wait_for_epoch(http: httpx.Client, job_id: str, epoch: int) -> None:
    def reached() -> bool:
        summary = http.get(f"/v1/jobs/{job_id}").json()["summary"]
        return summary is not None and summary["epoch"] >= epoch

    wait_for(reached, what=f"epoch {epoch}")
