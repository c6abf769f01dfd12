"""How many requests a key may make: counted in Redis where the broker is one, so that all API
processes count together, else in this process's memory.

Redis being away is no reason to refuse anybody: for some seconds each process counts for itself.
"""

import math
import time
from functools import cached_property
from importlib import import_module
from typing import cast

import structlog
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, Storage, storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter

from service.settings import Settings

_log = structlog.get_logger(__name__)

_AWAY_FOR_S = 5.0
_NO_BOUND = "none"


class Rates:
    """Counts the requests of each key. Threads share it."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.resolved_broker_url
        rate = settings.rate
        self._limit: RateLimitItem | None = None if rate == _NO_BOUND else parse(rate)
        self._alone = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._alone_until = 0.0

    @cached_property
    def _together(self) -> SlidingWindowCounterRateLimiter | None:
        scheme, _, rest = self._url.partition("://")
        if not scheme.startswith(("redis", "valkey")):
            return None
        scheme = "redis+unix" if scheme == "redis+socket" else scheme.replace("valkey", "redis")
        # The library takes one that another thread is still importing for one without a version.
        import_module("redis")
        patience = {"socket_connect_timeout": 0.5, "socket_timeout": 0.5}
        url = f"{scheme}://{rest}"
        storage = cast(Storage, storage_from_string(url, wrap_exceptions=True, **patience))
        return SlidingWindowCounterRateLimiter(storage)

    def wait_s(self, key_id: str) -> int | None:
        """Counts a request of the key. Seconds to wait where it was one too many; else None."""
        if self._limit is None:
            return None
        if self._together is not None and time.monotonic() >= self._alone_until:
            try:
                return self._count(self._together, self._limit, key_id)
            except StorageError as error:
                _log.warning("counting requests alone: Redis is away", error=str(error))
                self._alone_until = time.monotonic() + _AWAY_FOR_S
        return self._count(self._alone, self._limit, key_id)

    @staticmethod
    def _count(
        limiter: SlidingWindowCounterRateLimiter, limit: RateLimitItem, key_id: str
    ) -> int | None:
        if limiter.hit(limit, key_id):
            return None
        reset = limiter.get_window_stats(limit, key_id).reset_time
        return max(1, math.ceil(reset - time.time()))
