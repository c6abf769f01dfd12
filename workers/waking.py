"""An idle worker looks by itself whether anything waits.

Messages are hints and may be lost, or come while nothing may be claimed: an owner is at its limit.
They are sent again ever more seldom. So a worker with an idle slot looks now and then, and sends
itself the message that did not come. Through its own queue, so that who claims is told apart from
who looks by nobody: a slot is taken as for any other message.
"""

import threading
from collections.abc import Callable

import structlog

from service.db import UNAVAILABLE

_log = structlog.get_logger(__name__)


class Waking:
    """Calls `send` every `every_s`, once for each slot that `count_wanted` says could be at work. A
    database or a broker that is away is asked again the next time."""

    def __init__(
        self,
        *,
        count_wanted: Callable[[], int],
        send: Callable[[], None],
        away: tuple[type[Exception], ...],
        every_s: float,
    ) -> None:
        self._count_wanted, self._send = count_wanted, send
        self._away: tuple[type[Exception], ...] = (*away, *UNAVAILABLE)
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="waking", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            try:
                for _ in range(self._count_wanted()):
                    self._send()
            except self._away:
                continue
            except Exception:  # without this thread a worker may idle while jobs wait
                _log.exception("the worker could not wake itself")
