"""Keeps the leases of what this worker holds, and hears of cancellations.

One thread, outside all training: it renews while training runs, whatever training does. Only the
database's clock decides whether a lease holds.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from service.db import UNAVAILABLE, Database, claims, workers
from service.db.workers import Worker
from service.observability.reporting import Reporter
from service.pulse import Pulse

_log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 0.2
_REPORT_EVERY_S = 3.0
_AWAY_S = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)  # two empty ones are still two
class Holding:
    """The jobs of one cohort: `attempts` are those still held, and belong to the supervisor; the
    two sets are what the lease thread found out about them."""

    attempts: dict[str, int]
    unwanted: set[str] = field(default_factory=set)
    """Their users asked for cancellation."""
    lost: set[str] = field(default_factory=set)
    """Their leases ran out, or another worker has them."""


class Leases:
    """The leases of one worker process, over all its slots."""

    def __init__(
        self,
        database: Database,
        worker: Worker,
        *,
        lease_s: float,
        pulse: Pulse,
        reporter: Reporter,
    ) -> None:
        self._database, self._worker, self._lease_s = database, worker, lease_s
        self._pulse, self._reporter = pulse, reporter
        self._holdings: list[Holding] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
        self.is_ready: Callable[[], bool] = lambda: False

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    @contextmanager
    def keeping(self, holding: Holding) -> Iterator[None]:
        """Keeps these jobs until the block ends. Jobs taken out of `attempts` are let go."""
        with self._lock:
            self._holdings.append(holding)
        try:
            yield
        finally:
            with self._lock:
                self._holdings.remove(holding)

    def _run(self) -> None:
        next_renewal = next_report = time.monotonic()
        reported = False
        while not self._stop.wait(_LOOK_EVERY_S):
            now = time.monotonic()
            try:
                self._look_for_cancellations()
                if now >= next_renewal:
                    self._renew()
                    next_renewal = now + self._lease_s / 3
                if now >= next_report or reported != self.is_ready():
                    reported = self._report()
                    next_report = now + _REPORT_EVERY_S
                self._pulse.beat(ready=reported)
            except UNAVAILABLE as error:
                self._pulse.beat(ready=False)
                _log.warning("waiting for the database", error=str(error).splitlines()[0])
                self._stop.wait(_AWAY_S)
            except Exception:  # without this thread every lease would run out
                _log.exception("the lease thread goes on")

    def _report(self) -> bool:
        ready = self.is_ready()
        with self._database.writing() as session:
            workers.report(session, self._worker, ready=ready)
            self._reporter.report(session)
        return ready

    def _all(self) -> list[tuple[Holding, Mapping[str, int]]]:
        """The holdings with copies of their jobs: slots change them while this thread reads."""
        with self._lock:
            return [(one, dict(one.attempts)) for one in self._holdings if one.attempts]

    def _look_for_cancellations(self) -> None:
        for holding, held in self._all():
            with self._database.reading() as session:
                holding.unwanted.update(claims.cancel_requests(session, held))

    def _renew(self) -> None:
        for holding, held in self._all():
            with self._database.writing() as session:
                kept = claims.renew(session, held, lease_s=self._lease_s)
            # A job that ended meanwhile is among these too; the supervisor has let go of it.
            holding.lost.update(held.keys() - kept)
