"""Hears that jobs have been queued, so that they need not wait for the relay's next look
(docs/decisions/084-hints.md).

The relay looks every `SUBGRAD_POLL_S` anyway: what is not heard is late by that, and no more.
"""

import threading
import time

import structlog

from service.hints import UNUSABLE, connect, redis_url, relay_channel
from service.settings import Settings

_log = structlog.get_logger(__name__)

_LISTEN_S = 1.0
"""Between two looks at whether to stop."""
_AGAIN_AFTER_S = 0.5


class Doorbell:
    """What the relay waits at. A thread of its own hears; it ends with the process."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        self._url, self._channel = redis_url(settings), relay_channel(settings)
        self._apart_s = settings.poll_s
        self._rung, self._stop = threading.Event(), stop
        self._not_before = time.monotonic()

    def start(self) -> None:
        if self._url is not None:
            threading.Thread(target=self._listen, name="doorbell", daemon=True).start()

    def wait(self) -> None:
        """Until it rings or all is to stop, `SUBGRAD_POLL_S` at most. After `answered` so long at
        least, however often it rings: many jobs posted one by one are announced together."""
        ends_at = time.monotonic() + self._apart_s
        while not self._stop.is_set() and (left_s := ends_at - time.monotonic()) > 0:
            if self._rung.wait(min(left_s, _LISTEN_S)):
                break
        self._stop.wait(max(0.0, self._not_before - time.monotonic()))
        # What rings from now on is about something that the look may not see.
        self._rung.clear()

    def answered(self) -> None:
        """There was something to announce."""
        self._not_before = time.monotonic() + self._apart_s

    def _listen(self) -> None:
        from redis import RedisError  # noqa: PLC0415

        is_away = False
        while not self._stop.is_set():
            try:
                with connect(str(self._url)) as client, client.pubsub() as subscription:
                    subscription.subscribe(self._channel)
                    is_away = False
                    while not self._stop.is_set():
                        message = subscription.get_message(timeout=_LISTEN_S)
                        if message is not None:  # or that it is subscribed: a look is due as well
                            self._rung.set()
            except (RedisError, *UNUSABLE) as error:
                if not is_away:
                    _log.warning("the relay looks for itself: Redis is away", error=str(error))
                is_away = True
            self._stop.wait(_AGAIN_AFTER_S)
