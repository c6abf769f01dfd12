"""Messages to the workers, through one connection that is kept and, where it is lost, made anew."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import redis as driver

from service.queue import BROKER_ERRORS, TRAIN_TASK, TrainQueue
from service.settings import Settings
from tests.servers import Redis


@pytest.fixture
def queue(tmp_path: Path, redis: Redis) -> Iterator[TrainQueue]:
    queue = TrainQueue(Settings(home=tmp_path, broker_url=redis.url))
    yield queue
    queue.close()


def test_each_message_names_its_job_and_goes_where_it_can_be_trained(
    queue: TrainQueue, redis: Redis
) -> None:
    jobs = [f"job_{n}" for n in range(50)]
    for n, job_id in enumerate(jobs):
        queue.announce(job_id, needs_gpu=n % 5 == 0)
    assert received(redis, "subgrad") == [job for n, job in enumerate(jobs) if n % 5]
    assert received(redis, "subgrad.gpu") == jobs[::5]


def test_many_go_through_one_connection(queue: TrainQueue, redis: Redis) -> None:
    queue.announce("job_first")
    with driver.Redis.from_url(redis.url) as client:
        made = cast(dict[str, int], client.info("stats"))["total_connections_received"]
        for n in range(200):
            queue.announce(f"job_{n}")
        info = cast(dict[str, int], client.info("stats"))
    assert info["total_connections_received"] == made
    assert len(received(redis, "subgrad")) == 201


def test_a_broker_that_died_is_told_and_one_that_came_back_is_used(
    queue: TrainQueue, redis: Redis
) -> None:
    queue.announce("job_before")
    redis.kill()
    for _ in range(3):
        with pytest.raises(BROKER_ERRORS):
            queue.announce("job_meanwhile")
    redis.start()
    queue.announce("job_after")
    assert received(redis, "subgrad") == ["job_after"]  # the rest died with the server


def test_one_that_died_and_came_back_unnoticed_costs_no_message(
    queue: TrainQueue, redis: Redis
) -> None:
    queue.announce("job_before")
    redis.kill()
    redis.start()
    queue.announce("job_after")
    assert received(redis, "subgrad") == ["job_after"]


def received(redis: Redis, name: str) -> list[str]:
    """The jobs that the queue's messages name, the oldest first."""
    with driver.Redis.from_url(redis.url) as client:
        messages = cast(list[bytes], client.lrange(name, 0, -1))
    found = []
    for one in reversed(messages):
        message: dict[str, Any] = json.loads(one)
        assert message["headers"]["task"] == TRAIN_TASK
        (arguments, _, _) = json.loads(base64.b64decode(message["body"]))
        found.append(arguments[0])
    return found
