"""When a request is sent again."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from service.client.retries import Retries, retry_after_s

RETRIES = Retries(most=4, first_pause_s=0.2, longest_pause_s=0.5, longest_obeyed_s=60)
REFUSED = httpx.ConnectError("nobody listens")


def answer(status: int, **headers: str) -> httpx.Response:
    return httpx.Response(status, headers={"Retry-After": headers["after"]} if headers else {})


@pytest.mark.parametrize(("failures", "longest"), [(1, 0.2), (2, 0.4), (3, 0.5), (4, 0.5)])
def test_pauses_grow_up_to_the_longest_and_are_drawn_from_the_upper_half(
    failures: int, longest: float
) -> None:
    pauses = [RETRIES.pause_s(REFUSED, failures) for _ in range(200)]
    assert all(pause is not None and longest / 2 <= pause <= longest for pause in pauses)
    assert len(set(pauses)) > 100


def test_after_the_last_one_nothing_is_repeated() -> None:
    assert RETRIES.pause_s(REFUSED, 5) is None


def test_very_many_failures_overflow_nothing() -> None:
    pause = Retries(most=10_000).pause_s(REFUSED, 5_000)
    assert pause is not None
    assert pause <= 10


@pytest.mark.parametrize("status", [200, 202, 301, 400, 404, 409, 422, 500, 502])
def test_an_answer_that_will_stay_the_same_is_not_asked_for_again(status: int) -> None:
    assert RETRIES.pause_s(answer(status), 1) is None


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_a_lower_bound(status: int) -> None:
    pause = RETRIES.pause_s(answer(status, after="7"), 1)
    assert pause is not None
    assert 7.1 <= pause <= 7.2


def test_who_is_asked_to_wait_too_long_gives_up() -> None:
    assert RETRIES.pause_s(answer(503, after="61"), 1) is None


def test_what_cannot_be_sent_is_not_sent_again() -> None:
    assert RETRIES.pause_s(httpx.LocalProtocolError("illegal header"), 1) is None


def test_retry_after_may_be_a_date() -> None:
    at = datetime.now(UTC) + timedelta(seconds=30)
    seconds = retry_after_s(answer(503, after=format_datetime(at, usegmt=True)))
    assert seconds is not None
    assert 20 <= seconds <= 30
    past = format_datetime(at - timedelta(days=1), usegmt=True)
    assert retry_after_s(answer(503, after=past)) == 0


@pytest.mark.parametrize("written", ["", "soon", "-3", "1.5", "²"])
def test_what_cannot_be_read_is_as_if_it_were_not_there(written: str) -> None:
    response = httpx.Response(503, headers=[(b"Retry-After", written.encode())])
    assert retry_after_s(response) is None
