"""Where checkpoints and final weights go: into the object store, or with their rows.

Training has no client that could send it again, so nothing it made is dropped because the store is
away: what the store does not take within a while stands in the database, as it does without one.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog

from service.artifacts import Store, read, register
from service.artifacts.keeping import Look
from service.db import UNAVAILABLE, Database
from service.domain.artifacts import Artifact, Content
from service.domain.errors import StoreUnavailable
from service.domain.events import EndEvent
from workers.lifecycle import Exited
from workers.protocol import Notice, Saved, Weights

_log = structlog.get_logger(__name__)

T = TypeVar("T")

_FIRST_PAUSE_S = 0.5
_WRITING_PATIENCE_S = 10.0
_READING_PATIENCE_S = 30.0
# For so long after a failure nothing is sent there: each would hold the training up.
_AVOIDED_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What rows are to be written of, the newest checkpoint of each job alone."""

    checkpoints: dict[str, tuple[int, Content]]
    """Epoch and content by job."""
    weights: dict[str, Content]

    @classmethod
    def told(cls, notices: Sequence[Notice | Exited]) -> "Kept":
        """All that the training process has told, as it came."""
        saved = {one.member: (one.epoch, one.payload) for one in notices if isinstance(one, Saved)}
        ends = {one.member: one.payload for one in notices if isinstance(one, Weights)}
        return cls(checkpoints=dict(saved), weights=dict(ends))


class Shelf:
    """One per worker; slots share it."""

    def __init__(self, database: Database, artifacts_url: str, stop: threading.Event) -> None:
        self._database, self._stop = database, stop
        self._store = Store(artifacts_url, stop)
        self._avoided_until = 0.0

    def shelve(self, attempts: Mapping[str, int], notices: Sequence[Notice | Exited]) -> Kept:
        """Puts what the notices have of these jobs into the store, if it takes it: the rest of
        what is returned are bytes. No transaction may be open meanwhile."""
        told = Kept.told(notices)
        if not self._store.takes_objects:
            return told
        ended = {one.member for one in notices if isinstance(one, EndEvent)}
        contents: dict[str, bytes] = {}
        for job_id, (_, content) in told.checkpoints.items():
            # Its end would remove it at once.
            if job_id in attempts and job_id not in ended and isinstance(content, bytes):
                contents[f"checkpoints/{job_id}"] = content
        for job_id, content in told.weights.items():
            if job_id in attempts and isinstance(content, bytes):
                contents[f"weights/{job_id}"] = content
        made = self._write(contents) if contents else {}
        return Kept(
            checkpoints={
                job_id: (epoch, made.get(f"checkpoints/{job_id}", content))
                for job_id, (epoch, content) in told.checkpoints.items()
            },
            weights={
                job_id: made.get(f"weights/{job_id}", content)
                for job_id, content in told.weights.items()
            },
        )

    def fetch(self, look: Look) -> bytes | None:
        """The bytes of a row. Waits for a store that is away, but not for ever. Raises
        StoreUnavailable, ArtifactLost."""
        return self._patiently(
            lambda: read(self._database, self._store, look), within_s=_READING_PATIENCE_S
        )

    def _write(self, contents: Mapping[str, bytes]) -> dict[str, Artifact]:
        """None of them where the store does not take them."""
        if time.monotonic() < self._avoided_until:
            return {}
        try:
            made = register(self._database, self._store, contents)
        except UNAVAILABLE:
            return {}  # whoever writes the rows waits for it
        objects = {made[place].url: content for place, content in contents.items()}
        try:
            self._patiently(lambda: self._store.write(objects), within_s=_WRITING_PATIENCE_S)
        except StoreUnavailable as error:
            self._avoided_until = time.monotonic() + _AVOIDED_S
            _log.warning("kept in the database instead", objects=len(made), error=str(error))
            return {}
        return made

    def _patiently(self, work: Callable[[], T], *, within_s: float) -> T:
        deadline, pause_s = time.monotonic() + within_s, _FIRST_PAUSE_S
        while True:
            try:
                return work()
            except StoreUnavailable as error:
                if self._stop.is_set() or time.monotonic() + pause_s > deadline:
                    raise
                _log.warning("waiting for the object store", error=str(error))
            self._stop.wait(pause_s)
            pause_s *= 2
