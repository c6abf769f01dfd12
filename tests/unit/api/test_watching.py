"""When a stream looks again: hinted, unhinted, and when hints fail. What must not come by the
clock has a clock that would never bring it."""

import asyncio
import math
from collections.abc import Coroutine
from typing import Any

import pytest

from service.api.watching import Watch, Watches
from service.hints import Hint
from service.settings import Settings

NEVER_S = 1e6
LONG_S = 30.0
_NOWHERE = Settings(broker_url="redis://127.0.0.1:1/0")


def _run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, LONG_S))


def _hearing(*, look_anyway_s: float = NEVER_S) -> Watches:
    """As if its subscription had stood for ever."""
    watches = Watches(_NOWHERE, look_anyway_s=look_anyway_s)
    watches._trusted_from = -math.inf
    return watches


def _hint(**told: list[str]) -> bytes:
    return Hint(**told).model_dump_json().encode()


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def _waits(watch: Watch) -> "asyncio.Task[None]":
    waiting = asyncio.create_task(watch.until_due())
    await _settle()
    assert not waiting.done()
    return waiting


def test_a_hint_wakes_whom_it_concerns_and_nobody_else() -> None:
    async def scenario() -> None:
        watches = _hearing()
        with (
            watches.watching("job_1", apart_s=0) as one,
            watches.watching("job_1", apart_s=0) as again,
            watches.watching("job_2", apart_s=0) as other,
        ):
            for watch in (one, again, other):
                watch.before_look()
            woken = [await _waits(one), await _waits(again)]
            waiting = await _waits(other)
            watches.pass_on(_hint(measured=["job_1"]))
            await asyncio.gather(*woken)
            assert not waiting.done()
            watches.pass_on(_hint(moved=["job_2"]))
            await waiting

    _run(scenario())


def test_measurements_wake_nobody_who_waits_for_moves() -> None:
    async def scenario() -> None:
        watches = _hearing()
        with watches.watching("swp_1", apart_s=0, moves_only=True) as watch:
            watch.before_look()
            waiting = await _waits(watch)
            watches.pass_on(_hint(measured=["swp_1"]))
            await _settle()
            assert not waiting.done()
            watches.pass_on(_hint(moved=["swp_1"]))
            await waiting

    _run(scenario())


def test_a_hint_that_comes_during_a_look_is_not_missed() -> None:
    async def scenario() -> None:
        watches = _hearing()
        with watches.watching("job_1", apart_s=0) as watch:
            watch.before_look()
            watches.pass_on(_hint(moved=["job_1"]))
            await watch.until_due()

    _run(scenario())


def test_without_hints_it_looks_ever_so_often() -> None:
    async def scenario() -> None:
        watches = Watches(_NOWHERE, look_anyway_s=NEVER_S)
        assert not watches.hears
        with watches.watching("job_1", apart_s=0.01) as watch:
            for _ in range(3):
                watch.before_look()
                await watch.until_due()

    _run(scenario())


def test_a_hint_that_was_lost_is_made_up_for() -> None:
    async def scenario() -> None:
        with _hearing(look_anyway_s=0.01).watching("job_1", apart_s=0) as watch:
            watch.before_look()
            await watch.until_due()

    _run(scenario())


def test_who_heard_hints_only_after_the_look_does_not_rely_on_them() -> None:
    """What was written between the two may have been told to nobody."""

    async def scenario() -> None:
        watches = Watches(_NOWHERE, look_anyway_s=NEVER_S)
        with watches.watching("job_1", apart_s=0.01) as watch:
            watch.before_look()
            watches._trusted_from = asyncio.get_running_loop().time()
            await watch.until_due()

    _run(scenario())


def test_who_found_what_no_hint_told_looks_for_itself_until_a_hint_comes() -> None:
    async def scenario() -> None:
        watches = _hearing(look_anyway_s=0.01)
        with watches.watching("job_1", apart_s=0.01) as watch:
            watch.before_look()
            await watch.until_due()  # by itself
            watch.before_look()
            watch.after_news()
            watches.look_anyway_s = NEVER_S
            for _ in range(3):
                watch.before_look()
                await watch.until_due()
            watch.before_look()
            watches.pass_on(_hint(moved=["job_1"]))
            await watch.until_due()
            watch.before_look()
            (await _waits(watch)).cancel()

    _run(scenario())


def test_nobody_waits_longer_than_asked() -> None:
    async def scenario() -> None:
        with _hearing().watching("job_1", apart_s=NEVER_S) as watch:
            watch.before_look()
            await watch.until_due(0.01)
            watch.before_look()
            watch.wake()
            await watch.until_due(0.01)

    _run(scenario())


def test_when_redis_goes_everybody_looks() -> None:
    async def scenario() -> None:
        watches = _hearing()
        with watches.watching("job_1", apart_s=0.01) as watch:
            watch.before_look()
            waiting = await _waits(watch)
            listening = asyncio.create_task(watches.listen())  # its Redis is not there
            await waiting
            watch.before_look()
            await watch.until_due()
            assert not watches.hears
            listening.cancel()

    _run(scenario())


def test_who_has_left_is_forgotten() -> None:
    async def scenario() -> None:
        watches = _hearing()
        with watches.watching("job_1", apart_s=0), watches.watching("job_1", apart_s=0):
            pass
        assert not watches._for_all

    _run(scenario())


@pytest.mark.parametrize(
    "data", [b"", b"x", b"[]", b"{", b'{"moved": 1}', b"\xff", b'{"moved": [{}]}']
)
def test_what_is_no_hint_is_passed_over(data: bytes) -> None:
    async def scenario() -> None:
        watches = _hearing()
        with watches.watching("job_1", apart_s=0) as watch:
            watch.before_look()
            watches.pass_on(data)
            (await _waits(watch)).cancel()

    _run(scenario())
