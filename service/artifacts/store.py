"""An object store through fsspec: whole objects are written, read and removed; nothing is listed.
Knows no SQL."""

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Any, TypeVar

import fsspec
import structlog

from service.domain.artifacts import Artifact
from service.domain.errors import ArtifactLost, StoreUnavailable
from service.domain.ids import new_id

_log = structlog.get_logger(__name__)

T = TypeVar("T")

_LOCAL = ("file", "local")
_PATIENCE_S = 30.0
_SLOWEST_BYTES_PER_S = 1_000_000
# Whoever is told to stop waits no longer than this for an answer.
_STOPPING_S = 2.0
_LOOK_EVERY_S = 0.5
_OPTIONS: Mapping[str, dict[str, Any]] = {
    **{local: {"auto_mkdir": True} for local in _LOCAL},
    # The defaults would try for minutes; whoever asks us tries again as often as is good for them.
    "s3": {
        "config_kwargs": {"connect_timeout": 5, "read_timeout": 20, "retries": {"max_attempts": 2}},
        "use_listings_cache": False,
    },
}


class Store:
    """Threads share it. Every call ends within a time, whatever the store does.

    An object has a URL of its own, which is used for no other content: the database knows it by
    that, and what is written again after an error is the same.
    """

    def __init__(self, root: str, stop: threading.Event | None = None) -> None:
        """`root`: the URL that new objects go under; empty: none may be written. `stop`: once it
        is set, nobody waits for long any more."""
        self.root = root.rstrip("/")
        self._stop = stop or threading.Event()
        self._systems: dict[str, Any] = {}
        self._opening = threading.Lock()

    @property
    def takes_objects(self) -> bool:
        """Whether there is a place for new ones."""
        return bool(self.root)

    def new_url(self, place: str) -> str:
        """A URL that no object has had, under a place such as `weights/job_…`."""
        return f"{self.root}/{place}/{new_id('art')}"

    def write(self, contents: Mapping[str, bytes]) -> None:
        """Writes each content under its URL; several at a time where the store can. Raises
        StoreUnavailable, and what was written then is unknown."""

        def work() -> None:
            system = self._system(self.root)
            paths = {system._strip_protocol(url): content for url, content in contents.items()}
            system.pipe(paths)
            if self.root.partition(":")[0] in _LOCAL:
                for path in paths:
                    _sync(path)

        self._ask(self.root, work, sum(map(len, contents.values())))

    def read(self, artifact: Artifact) -> bytes:
        """The object, checked. Raises ArtifactLost, StoreUnavailable."""

        def work() -> bytes | None:
            system = self._system(artifact.url)
            try:
                content: bytes = system.cat_file(system._strip_protocol(artifact.url))
            except FileNotFoundError:
                return None
            return content

        content = self._ask(artifact.url, work, artifact.size)
        if content is None:
            raise ArtifactLost(artifact.url, "is gone")
        return artifact.check(content)

    def remove(self, urls: Iterable[str]) -> list[str]:
        """Removes the objects; one that is not there is as well. Returns which are gone now: at
        the first that cannot be removed it stops."""
        gone: list[str] = []
        for url in urls:
            try:
                self._ask(url, lambda url=url: self._remove(url))  # type: ignore[misc]
            except StoreUnavailable as error:
                _log.warning("could not remove an object", error=str(error))
                break
            gone.append(url)
        return gone

    def _remove(self, url: str) -> None:
        system = self._system(url)
        with suppress(FileNotFoundError):
            system.rm_file(system._strip_protocol(url))

    def _system(self, url: str) -> Any:
        protocol, _, rest = url.partition("://")
        place = f"{protocol}://{rest.partition('/')[0]}"
        with self._opening:
            if place not in self._systems:
                # Not fsspec's own cache of these, which has one for each thread.
                self._systems[place] = fsspec.url_to_fs(
                    url, skip_instance_cache=True, **_OPTIONS.get(protocol, {})
                )[0]
            return self._systems[place]

    def _ask(self, where: str, work: Callable[[], T], size: int = 0) -> T:
        """Does the work on a thread of its own, and leaves it behind there when the time is up: a
        store that has stopped may never answer."""
        answer: Future[T] = Future()

        def run() -> None:
            try:
                answer.set_result(work())
            except BaseException as error:
                answer.set_exception(error)

        threading.Thread(target=run, name="object store", daemon=True).start()
        deadline = time.monotonic() + _PATIENCE_S + size / _SLOWEST_BYTES_PER_S
        while not answer.done():
            if self._stop.is_set():
                deadline = min(deadline, time.monotonic() + _STOPPING_S)
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise StoreUnavailable(where, "it does not answer")
            wait([answer], timeout=min(left_s, _LOOK_EVERY_S))
        # Every implementation has errors of its own, of several libraries beneath it.
        if (error := answer.exception()) is not None:
            raise StoreUnavailable(where, _describe(error)) from error
        return answer.result()


def _sync(path: str) -> None:
    """As safe from a power failure as the row that is to name it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _describe(error: BaseException) -> str:
    first = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
