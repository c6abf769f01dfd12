"""When a stream or long poll looks at the database again: when a hint tells of a change, and where
no hints are heard of, ever so often (docs/decisions/084-hints.md).

A hint is never believed, only looked after. So whatever becomes of it, nothing that a stream says
is wrong: in the worst case it is late.
"""

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

import anyio
import structlog
from pydantic import ValidationError

from service.hints import PATIENCE_S, UNUSABLE, Hint, channel, redis_url
from service.settings import Settings

if TYPE_CHECKING:
    from redis.asyncio.client import PubSub

_log = structlog.get_logger(__name__)

_LOOK_ANYWAY_S = 2.0
"""Between two looks of whoever hears hints: for one that was lost."""

_GRACE_S = 1.0
"""After Redis has come back, until all who write have noticed as well."""

_DOUBT_S = 60.0
"""For so long whoever found what no hint had told looks as if there were none."""

_SILENCE_S = 1.0
_AGAIN_AFTER_S = 0.5


class Watches:
    """One per application: who waits for what, and the one subscription by which they hear of it.
    Belongs to the application's event loop."""

    def __init__(self, settings: Settings, *, look_anyway_s: float = _LOOK_ANYWAY_S) -> None:
        self._url, self._channel = redis_url(settings), channel(settings)
        self.look_anyway_s = look_anyway_s
        self._for_moves: dict[str, set[Watch]] = defaultdict(set)
        self._for_all: dict[str, set[Watch]] = defaultdict(set)
        self._trusted_from = math.inf

    @property
    def hears(self) -> bool:
        """Whether hints come through."""
        return self.has_heard_since(time.monotonic())

    def has_heard_since(self, moment: float) -> bool:
        """Whether no hint since that moment of the monotonic clock was missed here."""
        return self._trusted_from <= moment

    @contextmanager
    def watching(
        self, resource_id: str, *, apart_s: float, moves_only: bool = False
    ) -> "Iterator[Watch]":
        """What the block waits by. It looks at least `apart_s` apart, and as often where no hints
        are heard of. `moves_only`: measurements are of no interest."""
        watch = Watch(self, apart_s)
        waiting = self._for_moves if moves_only else self._for_all
        waiting[resource_id].add(watch)
        try:
            yield watch
        finally:
            waiting[resource_id].discard(watch)
            if not waiting[resource_id]:
                del waiting[resource_id]

    async def listen(self) -> None:
        """Hears hints until it is cancelled. A Redis that is away is waited for."""
        if self._url is None:
            return
        # Takes a while the first time, in which others are served.
        await asyncio.to_thread(import_module, "redis.asyncio")
        from redis import RedisError  # noqa: PLC0415

        is_away = False
        while True:
            try:
                async with _subscribed(self._url, self._channel) as subscription:
                    is_away = False
                    await self._hear(subscription)
            except (RedisError, *UNUSABLE) as error:
                if not is_away:
                    _log.warning("streams look for themselves: Redis is away", error=str(error))
                is_away = True
            finally:
                self._trusted_from = math.inf
                self._wake_everybody()
            await asyncio.sleep(_AGAIN_AFTER_S)

    async def _hear(self, subscription: "PubSub") -> None:
        """Until the connection breaks, or nothing comes through it any more: TimeoutError."""
        is_asked = False
        while True:
            message = await subscription.get_message(timeout=_SILENCE_S)
            if message is None:
                if is_asked:
                    raise TimeoutError("Redis does not answer")
                await subscription.ping()
                is_asked = True
                continue
            is_asked = False
            if message["type"] == "subscribe":
                self._trusted_from = time.monotonic() + _GRACE_S
            elif message["type"] == "message":
                self.pass_on(message["data"])

    def pass_on(self, data: bytes) -> None:
        """Wakes whom the hint concerns. What is none is passed over."""
        try:
            hint = Hint.model_validate_json(data)
        except ValidationError:
            return
        for moved in hint.moved:
            self._wake(self._for_moves, moved)
            self._wake(self._for_all, moved)
        for measured in hint.measured:
            self._wake(self._for_all, measured)

    @staticmethod
    def _wake(waiting: "dict[str, set[Watch]]", resource_id: str) -> None:
        for watch in waiting.get(resource_id, ()):
            watch.wake()

    def _wake_everybody(self) -> None:
        for waiting in (self._for_moves, self._for_all):
            for resource_id in waiting:
                self._wake(waiting, resource_id)


@asynccontextmanager
async def _subscribed(url: str, channel_name: str) -> "AsyncIterator[PubSub]":
    from redis.asyncio import Redis  # noqa: PLC0415
    from redis.asyncio.retry import Retry  # noqa: PLC0415
    from redis.backoff import NoBackoff  # noqa: PLC0415

    redis = Redis.from_url(
        url,
        retry=Retry(NoBackoff(), 0),
        socket_connect_timeout=PATIENCE_S,
        socket_timeout=PATIENCE_S,
    )
    async with redis as client, client.pubsub() as subscription:
        await subscription.subscribe(channel_name)
        yield subscription


class Watch:
    """One stream or long poll. Each turn of it: `before_look`, the look, `after_news` where there
    were any, else `until_due`."""

    def __init__(self, watches: Watches, apart_s: float) -> None:
        self._watches, self._apart_s = watches, apart_s
        self._woken = asyncio.Event()
        self._looked_at = -math.inf
        self._relied_on_hints = False
        self._doubts_until = -math.inf

    def wake(self) -> None:
        self._woken.set()

    def before_look(self) -> None:
        """From now on a hint is about something that the look may not see."""
        self._woken.clear()
        self._looked_at = time.monotonic()

    def after_news(self) -> None:
        """The look has found something. If no hint had told of it, somebody who writes gives
        none."""
        if self._relied_on_hints:
            self._doubts_until = time.monotonic() + _DOUBT_S
        self._relied_on_hints = False

    async def until_due(self, most_s: float = math.inf) -> None:
        """Returns when it is time for the next look, or after `most_s`."""
        now = time.monotonic()
        ends_at = now + most_s
        hears = self._watches.has_heard_since(self._looked_at) and now >= self._doubts_until
        rest_s = max(self._watches.look_anyway_s, self._apart_s) if hears else self._apart_s
        with anyio.move_on_after(min(rest_s, most_s)):
            await self._woken.wait()
        is_woken = self._woken.is_set()
        self._relied_on_hints = hears and not is_woken
        if is_woken:
            self._doubts_until = -math.inf
            again_at = min(self._looked_at + self._apart_s, ends_at)
            await anyio.sleep(max(0.0, again_at - time.monotonic()))
