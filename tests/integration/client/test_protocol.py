"""What the client does when a server does not behave, over real sockets."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from service.api.examples import jobs as examples
from service.client import (
    AsyncSubgrad,
    MoveRefused,
    Retries,
    Subgrad,
    SubgradError,
    TooManyRequests,
    Unavailable,
    Unreachable,
)
from tests.integration.client.scripted import Answer, Scripted
from tests.servers import free_port
from tests.specs import SMALL

QUICK = Retries(most=3, first_pause_s=0.001, longest_pause_s=0.002)
JOB = Answer(body=json.dumps(examples.JOB).encode())
QUEUED = Answer(status=202, body=json.dumps(examples.QUEUED_JOB).encode())
FULL = Answer(status=429, headers={"Retry-After": "0"}, body=b'{"code": "queue_full"}')
BUSY = Answer(status=503, headers={"Retry-After": "0"})
CUT = Answer(cut=True)

Ask = Callable[[str, str, Any], Any]


def ask_sync(url: str, operation: str, argument: Any) -> Any:
    with Subgrad(url, api_key="secret", retries=QUICK) as client:
        return getattr(client.jobs, operation)(argument)


def ask_async(url: str, operation: str, argument: Any) -> Any:
    async def ask() -> Any:
        async with AsyncSubgrad(url, api_key="secret", retries=QUICK) as client:
            return await getattr(client.jobs, operation)(argument)

    return asyncio.run(ask())


@pytest.fixture(params=[ask_sync, ask_async], ids=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    asking: Ask = request.param
    return asking


@pytest.mark.parametrize("trouble", [FULL, BUSY, CUT], ids=["429", "503", "cut"])
def test_submitting_is_repeated_under_one_key(ask: Ask, trouble: Answer) -> None:
    with Scripted(trouble, trouble, QUEUED).running() as server:
        assert ask(server.url, "create", SMALL).id == examples.QUEUED_JOB["id"]
    assert len(server.asked) == 3
    assert len({asked.headers["idempotency-key"] for asked in server.asked}) == 1
    assert [json.loads(asked.body) for asked in server.asked] == [SMALL] * 3


def test_reading_is_repeated(ask: Ask) -> None:
    with Scripted(BUSY, CUT, JOB).running() as server:
        assert ask(server.url, "get", "job_1").id == examples.JOB["id"]
    assert {asked.headers["authorization"] for asked in server.asked} == {"Bearer secret"}


@pytest.mark.parametrize("operation", ["cancel", "retry"])
@pytest.mark.parametrize(
    ("trouble", "raised"), [(FULL, TooManyRequests), (BUSY, Unavailable), (CUT, Unreachable)]
)
def test_a_move_is_asked_for_once(
    ask: Ask, operation: str, trouble: Answer, raised: type[SubgradError]
) -> None:
    with Scripted(trouble, QUEUED).running() as server, pytest.raises(raised):
        ask(server.url, operation, "job_1")
    assert len(server.asked) == 1


def test_an_end_is_put_to_repetitions(ask: Ask) -> None:
    with Scripted(BUSY).running() as server, pytest.raises(Unavailable):
        ask(server.url, "get", "job_1")
    assert len(server.asked) == 1 + QUICK.most


def test_retry_after_of_an_hour_is_not_sat_out(ask: Ask) -> None:
    hour = Answer(status=503, headers={"Retry-After": "3600"})
    with Scripted(hour).running() as server, pytest.raises(Unavailable) as raised:
        ask(server.url, "get", "job_1")
    assert raised.value.retry_after_s == 3600
    assert len(server.asked) == 1


def test_what_is_refused_for_good_is_not_repeated(ask: Ask) -> None:
    refused = Answer(status=409, body=b'{"code": "move_refused", "detail": "it has ended"}')
    with Scripted(refused).running() as server, pytest.raises(MoveRefused, match="it has ended"):
        ask(server.url, "delete", "job_1")
    assert len(server.asked) == 1


def test_nobody_there_is_unreachable(ask: Ask) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unreachable, match=url):
        ask(url, "get", "job_1")


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x", "http://", "", "http://x:y", "x"])
def test_what_is_no_url_is_said_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        Subgrad(url)


def test_pages_are_asked_for_as_they_are_needed() -> None:
    pages = [
        Answer(body=json.dumps({"data": [examples.JOB], "next_cursor": cursor}).encode())
        for cursor in ("c1", "c2", None)
    ]
    with Scripted(*pages).running() as server, Subgrad(server.url) as client:
        jobs = client.jobs.list(status="succeeded", page_size=1)
        next(jobs)
        assert len(server.asked) == 1
        assert len(list(jobs)) == 2
    assert [asked.path.partition("cursor=")[2] for asked in server.asked] == ["", "c1", "c2"]
    assert all("status=succeeded&limit=1" in asked.path for asked in server.asked)


def stream(text: str) -> Answer:
    return Answer(headers={"Content-Type": "text/event-stream"}, body=text.encode())


PROGRESS = json.dumps({"status": "running", "counts": {}, "diverged": 0, "progress": 0.5})
END = json.dumps(examples.SWEEP)


def labels(url: str) -> list[str]:
    with Subgrad(url, retries=QUICK) as client:
        return [f"{event.kind} {event.id}" for event in client.sweeps.events("swp_1")]


def test_a_stream_is_taken_up_after_every_kind_of_trouble() -> None:
    first = stream(f"event: progress\nid: 1-1\ndata: {PROGRESS}\n\nevent: progress\nid: 2-2\nda")
    second = stream(f"event: novelty\nid: 3-3\ndata: 1\n\nevent: progress\nid: 4-4\n"
                    f"data: {PROGRESS}\n\n")  # fmt: skip
    last = stream(f"event: end\nid: 5-5-end\ndata: {END}\n\n")
    with Scripted(BUSY, first, FULL, stream(""), second, last).running() as server:
        assert labels(server.url) == ["progress 1-1", "progress 4-4", "end 5-5-end"]
    ids = [asked.headers.get("last-event-id") for asked in server.asked]
    assert ids == [None, None, "1-1", "1-1", "1-1", "4-4"]


def test_a_stream_that_tells_nothing_is_given_up() -> None:
    with Scripted(stream("")).running() as server, pytest.raises(Unreachable, match="4 times"):
        labels(server.url)
    assert len(server.asked) == 1 + QUICK.most


def test_a_stream_that_has_told_all_ends() -> None:
    with Scripted(Answer(status=204)).running() as server:
        assert labels(server.url) == []
