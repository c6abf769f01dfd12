"""The two that send: one waits, the other lets others work meanwhile. What to send, when to send it
again and how to read it is decided elsewhere."""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from typing import TypeVar

import httpx

from service.client.calls import Call, Event, Page, Stream, turn_page
from service.client.errors import Unreachable
from service.client.event_stream import Following
from service.client.retries import Outcome, Retries

T = TypeVar("T")

_SILENT_STREAM_S = 60.0
"""The service sends a comment every 15 s, so a stream that is silent for longer was cut."""


class Sender:
    """Sends and waits."""

    def __init__(self, http: httpx.Client, retries: Retries) -> None:
        self._http, self._retries = http, retries

    def send(self, call: Call[T]) -> T:
        failures = 0
        while True:
            outcome: Outcome
            try:
                outcome = self._http.send(_request(self._http, call))
            except httpx.TransportError as error:
                outcome = error
            failures += 1
            pause_s = self._retries.pause_s(outcome, failures) if call.repeatable else None
            if pause_s is None:
                return _finish(call, outcome, self._http.base_url)
            time.sleep(pause_s)

    def items(self, call: Call[Page[T]]) -> Iterator[T]:
        while True:
            page = self.send(call)
            yield from page.data
            if page.next_cursor is None:
                return
            call = turn_page(call, page.next_cursor)

    def events(self, stream: Stream[T]) -> Iterator[Event[T]]:
        following = Following(stream, self._retries)
        while not following.ended:
            outcome: Outcome
            try:
                with self._http.stream(
                    "GET", stream.path, headers=following.headers, timeout=_quiet(self._http)
                ) as outcome:
                    if following.opens(outcome):
                        for chunk in outcome.iter_bytes():
                            yield from following.feed(chunk)
                            if following.ended:
                                return
                    else:
                        outcome.read()
            except httpx.TransportError as error:
                outcome = error
            if not following.ended:
                time.sleep(following.pause_s(outcome))


class AsyncSender:
    """Sends and lets others work meanwhile, on asyncio."""

    def __init__(self, http: httpx.AsyncClient, retries: Retries) -> None:
        self._http, self._retries = http, retries

    async def send(self, call: Call[T]) -> T:
        failures = 0
        while True:
            outcome: Outcome
            try:
                outcome = await self._http.send(_request(self._http, call))
            except httpx.TransportError as error:
                outcome = error
            failures += 1
            pause_s = self._retries.pause_s(outcome, failures) if call.repeatable else None
            if pause_s is None:
                return _finish(call, outcome, self._http.base_url)
            await asyncio.sleep(pause_s)

    async def items(self, call: Call[Page[T]]) -> AsyncGenerator[T, None]:
        while True:
            page = await self.send(call)
            for item in page.data:
                yield item
            if page.next_cursor is None:
                return
            call = turn_page(call, page.next_cursor)

    async def events(self, stream: Stream[T]) -> AsyncGenerator[Event[T], None]:
        following = Following(stream, self._retries)
        while not following.ended:
            outcome: Outcome
            try:
                async with self._http.stream(
                    "GET", stream.path, headers=following.headers, timeout=_quiet(self._http)
                ) as outcome:
                    if following.opens(outcome):
                        async for chunk in outcome.aiter_bytes():
                            for event in following.feed(chunk):
                                yield event
                            if following.ended:
                                return
                    else:
                        await outcome.aread()
            except httpx.TransportError as error:
                outcome = error
            if not following.ended:
                await asyncio.sleep(following.pause_s(outcome))


def _request(http: httpx.Client | httpx.AsyncClient, call: Call[T]) -> httpx.Request:
    return http.build_request(
        call.method,
        call.path,
        params=call.query or None,
        headers=call.headers,
        content=call.body,
        timeout=_with_read(http, (http.timeout.read or 0.0) + call.silence_s),
    )


def _quiet(http: httpx.Client | httpx.AsyncClient) -> httpx.Timeout:
    return _with_read(http, max(http.timeout.read or 0.0, _SILENT_STREAM_S))


def _with_read(http: httpx.Client | httpx.AsyncClient, read_s: float) -> httpx.Timeout:
    usual = http.timeout
    return httpx.Timeout(connect=usual.connect, write=usual.write, pool=usual.pool, read=read_s)


def _finish(call: Call[T], outcome: Outcome, url: httpx.URL) -> T:
    if isinstance(outcome, httpx.Response):
        return call.read(outcome)
    why = str(outcome) or type(outcome).__name__
    raise Unreachable(f"{url} does not answer: {why}") from outcome
