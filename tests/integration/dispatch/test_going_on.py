"""The threads beside the relay survive what nobody has foreseen: a dispatch that lives and says
that it is ready has all of them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from service.artifacts import Store
from service.db import Database
from service.dispatch import conductor, sweeper
from service.settings import Settings
from tests.stack import wait_for


class Failing:
    """Fails at first, then says that there is nothing to do."""

    def __init__(self, nothing: Any) -> None:
        self.calls, self._nothing = 0, nothing

    def __call__(self, *_: Any, **__: Any) -> Any:
        self.calls += 1
        if self.calls == 1:
            raise RuntimeError("what nobody has foreseen")
        return self._nothing


@contextmanager
def running(loop: Callable[..., None], *given: Any) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=loop, args=(*given, stop), daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    database = Database(sqlite_url)
    yield database
    database.dispose()


def test_the_conductor_goes_on(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    advance = Failing(nothing=False)
    monkeypatch.setattr(conductor, "advance_one", advance)
    with running(conductor.conduct, Settings(), database, Store("")):
        wait_for(lambda: advance.calls >= 3, what="it looks again", timeout_s=20)


def test_the_sweeper_goes_on(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = Failing(nothing=0)
    monkeypatch.setattr(sweeper, "sweep", sweep)
    monkeypatch.setattr(sweeper, "SWEEP_EVERY_S", 0.01)
    with running(sweeper.sweep_always, database, Store("")):
        wait_for(lambda: sweep.calls >= 3, what="it looks again", timeout_s=20)
