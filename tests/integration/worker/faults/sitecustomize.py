"""Faults in a real process of the service: Python runs this file when the process starts, where
the folder is on its path. SUBGRAD_FAULT names the fault."""

import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

MODULE = next((name for name in sys.orig_argv if name.startswith(("service.", "workers"))), "")


def clock_is_wrong() -> None:
    """The process believes that it is ten minutes later."""
    right, right_ns = time.time, time.time_ns
    time.time = lambda: right() + 600.0
    time.time_ns = lambda: right_ns() + 600_000_000_000


def over_seed_666(happens: Callable[[], None]) -> None:
    """In a training process, when it begins with a job of that seed."""
    if MODULE != "workers.trainer":
        return
    engine: Any = importlib.import_module("workers.training.engine")
    prepare = engine.initial_state

    def begin(members: Any, *rest: Any) -> Any:
        if any(member.spec.seed == 666 for member in members):
            happens()
        return prepare(members, *rest)

    engine.initial_state = begin


def training_crashes() -> None:
    """A training process dies natively."""
    over_seed_666(lambda: os.kill(os.getpid(), signal.SIGSEGV))


def training_hangs() -> None:
    """A training process waits for a lock that nobody lets go of."""

    def wait() -> None:
        threading.Semaphore(0).acquire()

    over_seed_666(wait)


def messages_come_twice_or_not_at_all() -> None:
    """Each message is sent twice, and of three the third not at all."""
    senders: Any = importlib.import_module("service.queue").TrainQueue
    announce, count = senders.announce, iter(range(10**9))

    def unreliable(self: Any, job_id: str, **where: bool) -> None:
        if next(count) % 3 < 2:
            announce(self, job_id, **where)
            announce(self, job_id, **where)

    senders.announce = unreliable


def database_goes_away_after_a_claim() -> None:
    """The first question after a worker's first claim is not answered."""
    if MODULE != "workers":
        return
    checkpoints: Any = importlib.import_module("service.db.checkpoints")
    unavailable: Any = importlib.import_module("service.db").UNAVAILABLE[0]
    read, fails = checkpoints.read, iter([True])

    def ask(*given: Any) -> Any:
        if next(fails, False):
            raise unavailable("SELECT", {}, ConnectionError("gone"))
        return read(*given)

    checkpoints.read = ask


def database_goes_away_before_a_claim() -> None:
    """A worker's first questions are not answered."""
    if MODULE != "workers":
        return
    turns: Any = importlib.import_module("service.db.turns")
    unavailable: Any = importlib.import_module("service.db").UNAVAILABLE[0]
    look, fails = turns.anything_waits, iter([True, True])

    def ask(*given: Any, **options: Any) -> Any:
        if next(fails, False):
            raise unavailable("SELECT", {}, ConnectionError("gone"))
        return look(*given, **options)

    turns.anything_waits = ask


globals()[os.environ["SUBGRAD_FAULT"]]()
