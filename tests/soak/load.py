"""Clients of a service under constant load: they submit, cancel, read and listen, at a pace."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.stack import digits_spec, slow_spec

_LIST = 20


@dataclass(kw_only=True)
class Tally:
    """What the clients did, and what went wrong. Threads share it."""

    done: dict[str, int] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    waits_s: list[float] = field(default_factory=list)
    """Of each request, in their order, but for streams."""

    def note(self, what: str) -> None:
        self.done[what] = self.done.get(what, 0) + 1


@contextmanager
def clients(url: str, *, pause_s: float) -> Iterator[Tally]:
    """One client of each kind, each pausing between two requests, for as long as the block
    lasts."""
    tally, over = Tally(), threading.Event()
    kinds: list[Callable[[httpx.Client, Tally, int], None]] = [_submit, _cancel, _read, _listen]
    with ThreadPoolExecutor(len(kinds)) as pool:
        for kind in kinds:
            pool.submit(_repeat, url, kind, tally, over, pause_s)
        try:
            yield tally
        finally:
            over.set()


def _repeat(
    url: str,
    act: Callable[[httpx.Client, Tally, int], None],
    tally: Tally,
    over: threading.Event,
    pause_s: float,
) -> None:
    with httpx.Client(base_url=url, timeout=30) as http:
        turn = 0
        while not over.wait(pause_s):
            try:
                act(http, tally, turn)
                tally.note(act.__name__.strip("_"))
            except Exception as error:
                tally.complaints.append(f"{act.__name__}: {error!r}")
            turn += 1


def _ask(http: httpx.Client, tally: Tally, method: str, path: str, **options: Any) -> Any:
    started = time.perf_counter()
    answer = http.request(method, path, **options).raise_for_status()
    tally.waits_s.append(time.perf_counter() - started)
    return answer.json()


def _submit(http: httpx.Client, tally: Tally, turn: int) -> None:
    _ask(http, tally, "POST", "/v1/jobs", json=digits_spec(epochs=2, seed=turn))


def _cancel(http: httpx.Client, tally: Tally, turn: int) -> None:
    job = _ask(http, tally, "POST", "/v1/jobs", json=slow_spec(epochs=10_000, seed=turn))
    with suppress(httpx.HTTPStatusError):  # it may have failed meanwhile, which the end tells
        _ask(http, tally, "POST", f"/v1/jobs/{job['id']}/cancel")
    _ask(http, tally, "GET", f"/v1/jobs/{job['id']}?wait=20")


def _read(http: httpx.Client, tally: Tally, turn: int) -> None:
    page = _ask(http, tally, "GET", f"/v1/jobs?limit={_LIST}")["data"]
    _ask(http, tally, "GET", "/v1/catalog")
    for job in page[:3]:
        _ask(http, tally, "GET", f"/v1/jobs/{job['id']}/epochs")
        _ask(http, tally, "GET", f"/v1/jobs/{job['id']}/layers")
    http.get("/metrics").raise_for_status()


def _listen(http: httpx.Client, tally: Tally, turn: int) -> None:
    job = _ask(http, tally, "POST", "/v1/jobs", json=digits_spec(epochs=3, seed=turn))
    with http.stream("GET", f"/v1/jobs/{job['id']}/events") as stream:
        # Every other one hangs up amid it.
        for line in stream.iter_lines():
            if line.startswith("event: end") or (turn % 2 and line.startswith("event: epoch")):
                break
