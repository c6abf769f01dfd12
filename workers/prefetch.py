"""A worker whose slots are all taken takes no message, and takes the next as soon as one is free.

`worker_disable_prefetch` sees to the first (see docs/decisions/094-idle-workers-look.md). But a
consumer that asked for nothing sleeps in its event loop for seconds, whatever becomes of the work
meanwhile: so the end of each task is told to it, through a pipe.
"""

import os
from contextlib import suppress
from typing import Any

from celery import bootsteps
from celery.worker import state

_read, _write = os.pipe()
os.set_blocking(_read, False)
os.set_blocking(_write, False)


class WakeConsumer(bootsteps.StartStopStep):  # type: ignore[misc]
    """A step of Celery's consumer, taken whenever it has connected."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, parent: Any) -> None:
        if parent.hub is not None:  # without one it looks by itself
            parent.hub.add_reader(_read, _drain)


def _drain() -> None:
    with suppress(BlockingIOError):
        os.read(_read, 4096)


def note_done(task_id: str) -> None:
    """The task is done with its slot."""
    # Celery itself counts it as reserved until after this moment: then nobody tells.
    if (request := state.requests.get(task_id)) is not None:
        state.reserved_requests.discard(request)
    with suppress(BlockingIOError):  # full: it is awake
        os.write(_write, b"!")
