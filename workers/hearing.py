"""Whether messages still reach this worker.

A connection can die such that the client waits for ever on a broker that is alive. So an idle
worker sends itself a message now and then, through the broker and its own consumer, and a worker
that does not hear itself is deaf.
"""

import threading
import time
from collections.abc import Callable
from uuid import uuid4

import structlog

_log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 0.2


class Hearing:
    """Calls `on_deaf` once, when the worker was idle for `deaf_after_s` and for all that time did
    not hear what `send` had sent. A broker that takes no message is away, which is not deafness:
    the consumer connects again by itself."""

    def __init__(
        self,
        *,
        send: Callable[[str], None],
        away: tuple[type[Exception], ...],
        is_idle: Callable[[], bool],
        on_deaf: Callable[[], None],
        deaf_after_s: float,
    ) -> None:
        self._send, self._away = send, away
        self._is_idle, self._on_deaf = is_idle, on_deaf
        self._deaf_after_s = deaf_after_s
        self._awaited = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hearing", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def hear(self, token: str) -> None:
        """A message has come through."""
        if token == self._awaited:
            self._awaited = ""

    def _run(self) -> None:
        while not self._stop.wait(self._deaf_after_s / 3):
            if self._is_idle() and self._speak() and not self._is_heard():
                _log.error("no message reaches this worker any more")
                self._on_deaf()
                return

    def _speak(self) -> bool:
        self._awaited = token = uuid4().hex
        try:
            self._send(token)
        except self._away:
            return False
        except Exception:  # without this thread nobody would notice that the worker is deaf
            _log.exception("the worker could not speak to itself")
            return False
        return True

    def _is_heard(self) -> bool:
        """Waits for the message. A worker that has something to do need not hear it."""
        deadline = time.monotonic() + self._deaf_after_s
        while self._awaited and time.monotonic() < deadline:
            if self._stop.wait(_LOOK_EVERY_S) or not self._is_idle():
                return True
        return not self._awaited
