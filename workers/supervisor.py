"""Claims jobs, has them trained in a training process, and sees that each of them ends.

Imports no torch: whatever a native crash or the kernel's memory killer takes, it takes the
training process, and this one is there to say so.
"""

import os
import queue
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import structlog

from service.db import UNAVAILABLE, Database, checkpoints, claims, outbox, turns, workers
from service.db.claims import Claim
from service.db.workers import Worker
from service.domain.artifacts import Content
from service.domain.errors import ArtifactLost, StoreUnavailable
from service.domain.ids import new_id
from service.domain.states import Reason
from service.hints import Hints
from service.observability import tracing
from service.observability.reporting import Reporter
from service.pulse import Pulse
from service.settings import Settings
from workers.device import Placement
from workers.gauging import GpuGauge
from workers.leases import Holding, Leases
from workers.oversight import Oversight
from workers.protocol import Assignment, Stop, Train
from workers.recorder import Recorder
from workers.shelf import Shelf
from workers.slots import Slot
from workers.uploads import UploadCache

_log = structlog.get_logger(__name__)

_AWAY_S = 1.0
_STOP_GRACE_S = 3.0  # a worker that stops has ten seconds for everything
_LOST_DATA = (
    "The object store has lost the data set. Upload the same data again, then retry this job."
)


class Supervisor:
    """One per worker process, with a training process for each slot."""

    def __init__(self, settings: Settings, placements: Sequence[Placement]) -> None:
        self._settings = settings
        self._worker = Worker(
            id=new_id("wrk"),
            host=socket.gethostname(),
            pid=os.getpid(),
            slots=len(placements),
            gpus=sum(placement.gpu is not None for placement in placements),
        )
        self._database = Database(settings.resolved_database_url)
        self._reporter = Reporter(self._worker.id, "worker")
        self._database.on_ended = self._reporter.hear_of_ended
        self._hints = Hints(settings)
        self._database.on_changed = self._hints.tell
        gpus = [placement.gpu for placement in placements if placement.gpu is not None]
        self._gpu_gauge = GpuGauge(self._reporter.meters, gpus)
        self._stopping = threading.Event()
        self._shelf = Shelf(self._database, settings.artifacts_url, self._stopping)
        self._recorder = Recorder(
            self._database, self._shelf, max_attempts=settings.max_attempts, stop=self._stopping
        )
        self._oversight = Oversight(settings, self._recorder, self._reporter, self._stopping)
        self._uploads = UploadCache(
            self._shelf, settings.data_home, most_bytes=settings.upload_cache_mb << 20
        )
        self._leases = Leases(
            self._database,
            self._worker,
            lease_s=settings.lease_s,
            pulse=Pulse(settings, "worker"),
            reporter=self._reporter,
        )
        self._free: queue.Queue[Slot] = queue.Queue()
        self._slots = [Slot(settings, placement) for placement in placements]

    def start(self) -> None:
        """Makes the worker known, as soon as the database answers, and warms up the training
        processes."""
        self._leases.is_ready = lambda: any(slot.is_ready for slot in self._slots)
        self._leases.start()
        self._gpu_gauge.start()
        for slot in self._slots:
            slot.warm()
            self._free.put(slot)

    @property
    def is_idle(self) -> bool:
        """Whether a slot waits for something to do."""
        return not self._free.empty() and not self._stopping.is_set()

    def count_wanted(self) -> int:
        """How many slots are idle although something waits that they could train."""
        idle = self._free.qsize()
        if not idle or self._stopping.is_set():
            return 0
        devices = {device for slot in self._slots for device in slot.devices}
        with self._database.reading() as session:
            return idle if turns.anything_waits(session, devices=sorted(devices)) else 0

    def train(self, job_id: str) -> None:
        """Claims the job whose turn it is, with its cohort, and sees it through; and so on until
        nothing waits. The job that the message names is but a hint that something does."""
        if self._stopping.is_set():
            with suppress(*UNAVAILABLE), self._database.writing() as session:
                outbox.make_due(session, job_id)
            return
        slot = self._free.get()
        try:
            while not self._stopping.is_set() and (claimed := self._claim_next(slot)):
                self._see_through(slot, claimed)
        finally:
            self._free.put(slot)

    def stop(self) -> None:
        """Lets every `train` hand its jobs back to the queue and return. May be called from a
        signal handler."""
        self._stopping.set()

    def close(self) -> None:
        """Ends the training processes and signs the worker off."""
        for slot in self._slots:
            slot.close()
        self._leases.stop()
        self._gpu_gauge.stop()
        with suppress(*UNAVAILABLE), self._database.writing() as session:
            self._reporter.report(session)  # the last figures
            workers.remove(session, self._worker.id)
        self._hints.close()
        self._database.dispose()

    def _claim_next(self, slot: Slot) -> list[Claim]:
        """Waits for a database that is away: the message that led here does not come again."""
        while not self._stopping.is_set():
            try:
                return self._claim(slot)
            except UNAVAILABLE as error:
                _log.warning("waiting for the database", error=str(error).splitlines()[0])
                self._stopping.wait(_AWAY_S)
        return []

    def _claim(self, slot: Slot) -> list[Claim]:
        # Most messages of a cohort find nothing left to do, and need no lock to see it.
        with self._database.reading() as session:
            if not turns.anything_waits(session, devices=slot.devices):
                return []
        began_ns = time.time_ns()
        with self._database.writing() as session:
            claimed = claims.claim_next(
                session,
                worker_id=self._worker.id,
                limit=self._settings.cohort_size,
                lease_s=self._settings.lease_s,
                per_owner=self._settings.max_running_per_owner,
                devices=slot.devices,
            )
        return [_traced(one, self._worker.id, began_ns) for one in claimed]

    def _see_through(self, slot: "Slot", claimed: list[Claim]) -> None:
        self._reporter.meters.count_claim(len(claimed))
        cohort = new_id("coh")
        with structlog.contextvars.bound_contextvars(cohort=cohort):
            self._have_trained(slot, cohort, claimed)

    def _have_trained(self, slot: "Slot", cohort: str, claimed: list[Claim]) -> None:
        holding = Holding(attempts={one.job_id: one.attempt for one in claimed})
        _log.info("claimed", jobs=len(claimed), attempts=dict(holding.attempts))
        process = slot.warm()
        try:
            with self._leases.keeping(holding):
                self._uploads.provide(one.spec.dataset for one in claimed)
                process.send(Train(cohort=cohort, members=self._assignments(claimed)))
                self._oversight.oversee(process, holding)
        except StoreUnavailable as error:
            _log.warning("handing back: the object store is away", error=str(error))
            self._recorder.hand_back(holding.attempts)
        except ArtifactLost as error:
            _log.error("a data set is lost", error=str(error))
            self._recorder.fail(holding.attempts, Reason.INVALID_DATA, _LOST_DATA)
        except UNAVAILABLE as error:
            _log.warning("the database went away", error=str(error).splitlines()[0])
            process.send(Stop(member=None))
            # Nobody's fault. A worker that stops has waited long enough: the leases will run out.
            if not self._stopping.is_set():
                self._recorder.hand_back(holding.attempts)
        except Exception:
            _log.exception("giving up", jobs=sorted(holding.attempts))
            process.kill()
            detail = "The worker could not record this job; its log has the traceback."
            self._recorder.lose(holding.attempts, Reason.INTERNAL, detail)
        finally:
            self._settle(slot)

    def _assignments(self, claimed: list[Claim]) -> list[Assignment]:
        with self._database.reading() as session:
            saved = checkpoints.read(session, [one.job_id for one in claimed])
        fetched = {
            job_id: self._fetch_checkpoint(job_id, content) for job_id, content in saved.items()
        }
        return [
            Assignment(
                id=one.job_id,
                attempt=one.attempt,
                spec=one.spec,
                checkpoint=fetched.get(one.job_id),
                traceparent=one.traceparent,
            )
            for one in claimed
        ]

    def _fetch_checkpoint(self, job_id: str, saved: Content) -> bytes | None:
        """None where it is lost: the job starts again, with the same numbers. Raises
        StoreUnavailable."""
        if isinstance(saved, bytes):
            return saved
        try:
            return self._shelf.fetch(
                lambda session: checkpoints.read(session, [job_id]).get(job_id)
            )
        except ArtifactLost as error:
            _log.warning("starting again: the checkpoint is lost", job=job_id, error=str(error))
            return None

    def _settle(self, slot: Slot) -> None:
        grace_s = self._settings.cancel_grace_s
        if self._stopping.is_set():
            slot.settle(grace_s=min(grace_s, _STOP_GRACE_S))
        else:
            slot.settle(grace_s=grace_s)
            slot.warm()


def _traced(claim: Claim, worker_id: str, began_ns: int) -> Claim:
    """The claim with a span of its own in the job's trace; what follows is that span's child."""
    if not tracing.is_on():
        return claim
    about: dict[str, tracing.Value] = {
        "subgrad.job": claim.job_id,
        "subgrad.attempt": claim.attempt,
        "subgrad.worker": worker_id,
    }
    span = tracing.start("claim", parent=claim.traceparent, attributes=about, began_ns=began_ns)
    span.end()
    return replace(claim, traceparent=span.traceparent)
