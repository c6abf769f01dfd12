"""Tells every API process what has changed in the database, so that its streams need not look all
the time, and the relay that jobs have been queued (docs/decisions/084-hints.md).

A hint is a few ids on a channel of the broker's Redis, and no data; to the relay it is a message
without words on a channel of its own. The database owns the truth, so
a hint may be lost, doubled or late; and no write waits for one or fails over it. Where the broker
is none that speaks Redis there are no hints, and streams and relay look for themselves.
"""

import threading
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

import structlog
from pydantic import BaseModel

from service.db.changes import Changed
from service.settings import Settings

if TYPE_CHECKING:
    import redis

# Redis's client is imported where it is first needed: it takes a while, and brings much along.

_log = structlog.get_logger(__name__)

UNUSABLE = (OSError, ValueError, TypeError)
"""What speaking to Redis raises besides its own errors; the last two where its client cannot make
anything of a URL that Celery understands."""

PATIENCE_S = 2.0

_MOST_WAITING = 50_000
_MOST_IN_ONE = 500
_AGAIN_AFTER_S = 0.25
_LAST_WORDS_S = 1.0
_WELL_S = 10
"""After so long without a word a connection is asked whether it still is one."""


class Hint(BaseModel):
    """A message: ids of what has another state, and of what has only measured something."""

    moved: list[str] = []
    measured: list[str] = []


def redis_url(settings: Settings) -> str | None:
    """Where hints go, as Redis's client spells what Celery calls the broker; None: nowhere."""
    url = urlsplit(settings.resolved_broker_url)
    query = dict(parse_qsl(url.query))
    scheme = url.scheme.replace("valkey", "redis")
    if ";" in settings.resolved_broker_url or scheme not in ("redis", "rediss", "redis+socket"):
        return None
    if scheme == "redis+socket":
        scheme = "unix"
        if "virtual_host" in query:
            query["db"] = query.pop("virtual_host").strip("/")
    if "ssl_cert_reqs" in query:
        query["ssl_cert_reqs"] = query["ssl_cert_reqs"].removeprefix("CERT_").lower()
    return f"{scheme}://{url.netloc}{url.path}" + (f"?{urlencode(query)}" if query else "")


def channel(settings: Settings) -> str:
    """Of all API processes of a service, as its queue is of all its workers."""
    return f"{settings.queue}.changes"


def relay_channel(settings: Settings) -> str:
    """Of all relays of a service."""
    return f"{settings.queue}.queued"


def connect(url: str) -> "redis.Redis":
    """A client that gives up soon. Raises one of UNUSABLE where it can make nothing of the URL."""
    import redis  # noqa: PLC0415
    from redis.backoff import NoBackoff  # noqa: PLC0415
    from redis.retry import Retry  # noqa: PLC0415

    return redis.Redis.from_url(
        url,
        # Once more, at once: a connection that rested may have been closed meanwhile.
        retry=Retry(NoBackoff(), 1),
        socket_connect_timeout=PATIENCE_S,
        socket_timeout=PATIENCE_S,
        health_check_interval=_WELL_S,
    )


class Hints:
    """One per process that writes. Threads share it."""

    def __init__(self, settings: Settings) -> None:
        self._url, self._channel = redis_url(settings), channel(settings)
        self._relay_channel = relay_channel(settings)
        # A job that writes hundreds of epochs a second is told of as often as streams look.
        self._apart_s = settings.poll_s
        self._moved: set[str] = set()
        self._measured: set[str] = set()
        self._queued = False
        self._lock = threading.Lock()
        self._wake, self._closing = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def tell(self, changed: Changed) -> None:
        """For `Database.on_changed`: notes what is to be told, and returns."""
        if self._url is None:
            return
        with self._lock:
            self._keep(changed)
            if self._thread is None:
                # It ends with the process, whatever Redis does.
                self._thread = threading.Thread(target=self._run, name="hints", daemon=True)
                self._thread.start()
        self._wake.set()

    def close(self) -> None:
        """Tells what has not been told yet, if that takes a moment only."""
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_LAST_WORDS_S)

    def _run(self) -> None:
        from redis import RedisError  # noqa: PLC0415

        away = (RedisError, *UNUSABLE)
        try:
            client = connect(str(self._url))
        except UNUSABLE as error:
            _log.warning("no hints to streams", error=str(error))
            return
        is_away, is_over = False, False
        while not is_over:
            self._wake.wait()
            self._wake.clear()
            told = self._take()
            try:
                self._publish(client, told)
                is_away = False
            except away as error:
                if not is_away:
                    _log.warning("no hints to streams: Redis is away", error=str(error))
                is_away = True
                self._take_back(told)
            self._closing.wait(_AGAIN_AFTER_S if is_away else self._apart_s)
            is_over = self._closing.is_set() and (is_away or not self._wake.is_set())
        client.close()

    def _publish(self, client: "redis.Redis", told: Changed) -> None:
        if told.queued:
            client.publish(self._relay_channel, b"")
        # What has moved is looked at anyway.
        for moved in _batched(told.moved):
            client.publish(self._channel, Hint(moved=moved).model_dump_json())
        for measured in _batched(told.measured - told.moved):
            client.publish(self._channel, Hint(measured=measured).model_dump_json())

    def _take(self) -> Changed:
        with self._lock:
            taken = Changed(
                moved=frozenset(self._moved),
                measured=frozenset(self._measured),
                queued=self._queued,
            )
            self._moved.clear()
            self._measured.clear()
            self._queued = False
        return taken

    def _take_back(self, told: Changed) -> None:
        """For another try, as far as there is room beside what came meanwhile."""
        with self._lock:
            self._keep(told)
        self._wake.set()

    def _keep(self, changed: Changed) -> None:
        """Under the lock. What finds no room is not told: streams look for themselves, later."""
        self._queued |= changed.queued
        for waiting, ids in ((self._moved, changed.moved), (self._measured, changed.measured)):
            room = _MOST_WAITING - len(self._moved) - len(self._measured)
            waiting.update(islice(ids, max(room, 0)))


def _batched(ids: Iterable[str]) -> Iterator[list[str]]:
    left = iter(ids)
    while batch := list(islice(left, _MOST_IN_ONE)):
        yield batch
