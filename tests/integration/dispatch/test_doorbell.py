"""The relay hears of jobs that were queued, and looks by itself where it hears nothing."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis as driver

from service.db import Database
from service.db.changes import Changed
from service.dispatch.__main__ import run
from service.dispatch.doorbell import Doorbell
from service.hints import Hints, relay_channel
from service.settings import Settings
from tests.integration.db.record import queue
from tests.servers import Redis
from tests.stack import wait_for

SELDOM_S = 10.0
"""Between two looks of a relay that hears nothing."""

_QUEUED = Changed(moved=frozenset(), measured=frozenset(), queued=True)


def _heard_by(redis: Redis, settings: Settings) -> int:
    with driver.Redis.from_url(redis.url) as client:
        ((_, many),) = client.pubsub_numsub(relay_channel(settings))
    return int(many)


def _waits(bell: Doorbell) -> float:
    began = time.monotonic()
    bell.wait()
    return time.monotonic() - began


@contextmanager
def _bell(settings: Settings) -> Iterator[Doorbell]:
    stop = threading.Event()
    bell = Doorbell(settings, stop)
    bell.start()
    yield bell
    stop.set()


def test_it_rings_when_jobs_have_been_queued_also_after_redis_was_away(
    tmp_path: Path, redis: Redis
) -> None:
    settings = Settings(home=tmp_path, broker_url=redis.url, poll_s=SELDOM_S)
    with _bell(settings) as bell:
        for _ in range(2):
            wait_for(lambda: _heard_by(redis, settings) == 1, what="it hears")
            bell.wait()  # it rings once it hears: who knows what it has missed
            hints = Hints(settings)
            hints.tell(_QUEUED)
            assert _waits(bell) < SELDOM_S / 2
            hints.close()
            redis.kill()
            redis.start()


def test_after_an_answer_what_rings_waits_so_that_many_are_announced_together(
    tmp_path: Path, redis: Redis
) -> None:
    settings = Settings(home=tmp_path, broker_url=redis.url, poll_s=0.5)
    hints = Hints(settings)
    with _bell(settings) as bell:
        wait_for(lambda: _heard_by(redis, settings) == 1, what="it hears")
        bell.wait()
        bell.answered()
        hints.tell(_QUEUED)
        assert _waits(bell) > 0.4
    hints.close()


@pytest.mark.parametrize("broker", ["redis://127.0.0.1:1/0", "amqp://guest@127.0.0.1:1//"])
def test_where_nothing_is_heard_it_waits_no_longer_than_before(tmp_path: Path, broker: str) -> None:
    with _bell(Settings(home=tmp_path, broker_url=broker, poll_s=0.05)) as bell:
        for _ in range(5):
            assert _waits(bell) < SELDOM_S / 2


def test_a_job_is_announced_when_it_is_queued_however_seldom_the_relay_looks(
    tmp_path: Path, sqlite_url: str, redis: Redis
) -> None:
    settings = Settings(
        home=tmp_path, database_url=sqlite_url, broker_url=redis.url, poll_s=SELDOM_S
    )
    database, hints, stop = Database(sqlite_url), Hints(settings), threading.Event()
    database.on_changed = hints.tell
    relay = threading.Thread(target=run, args=(settings, stop))
    relay.start()
    with driver.Redis.from_url(redis.url) as client:
        wait_for(lambda: _heard_by(redis, settings) == 1, what="the relay hears")
        time.sleep(1)  # it has looked, once it heard
        queue(database)
        what = "the job is announced"
        wait_for(lambda: client.llen("subgrad"), what=what, timeout_s=SELDOM_S / 2)
    stop.set()
    relay.join(SELDOM_S / 2)
    assert not relay.is_alive()
    hints.close()
    database.dispose()
