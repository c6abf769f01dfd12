"""Claims jobs, has them trained in a training process, and sees that each of them ends.

Imports no torch: whatever a native crash or the kernel's memory killer takes, it takes the
training process, and this one is there to say so.
"""

import os
import queue
import socket
import threading

import structlog

from service.db import Database, claims, outbox, workers
from service.db.claims import Claim
from service.db.workers import Worker
from service.domain.ids import new_id
from service.domain.states import Reason
from service.settings import Settings
from workers.leases import Holding, Leases
from workers.lifecycle import Exited, TrainingProcess
from workers.protocol import Assignment, Notice, Stop, Train
from workers.recorder import Recorder

_log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 0.05
_MOST_PER_WRITE = 500


class Supervisor:
    """One per worker process, with a training process for each slot."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._worker = Worker(
            id=new_id("wrk"),
            host=socket.gethostname(),
            pid=os.getpid(),
            slots=settings.worker_slots,
        )
        self._database = Database(settings.resolved_database_url)
        self._stopping = threading.Event()
        self._recorder = Recorder(
            self._database, max_attempts=settings.max_attempts, stop=self._stopping
        )
        self._leases = Leases(self._database, self._worker, lease_s=settings.lease_s)
        self._free: queue.Queue[Slot] = queue.Queue()
        self._slots = [Slot(threads_per_slot(settings)) for _ in range(settings.worker_slots)]

    def start(self) -> None:
        """Makes the worker known, and warms up the training processes."""
        with self._database.writing() as session:
            workers.report(session, self._worker, ready=False)
        self._leases.is_ready = lambda: any(slot.is_ready for slot in self._slots)
        self._leases.start()
        for slot in self._slots:
            slot.warm()
            self._free.put(slot)

    def train(self, job_id: str) -> None:
        """Claims the job, with its cohort, and returns when all of it ended or was given up.
        Returns at once where the job is not to be had."""
        if self._stopping.is_set():
            with self._database.writing() as session:
                outbox.make_due(session, job_id)
            return
        slot = self._free.get()
        try:
            claimed = self._claim(job_id)
            if claimed:
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
        with self._database.writing() as session:
            workers.remove(session, self._worker.id)
        self._database.dispose()

    def _claim(self, job_id: str) -> list[Claim]:
        with self._database.writing() as session:
            return claims.claim(
                session,
                job_id,
                worker_id=self._worker.id,
                limit=self._settings.cohort_size,
                lease_s=self._settings.lease_s,
            )

    def _see_through(self, slot: "Slot", claimed: list[Claim]) -> None:
        _log.info("claimed", jobs=len(claimed), first=claimed[0].job_id)
        holding = Holding(attempts={one.job_id: one.attempt for one in claimed})
        process = slot.warm()
        try:
            with self._leases.keeping(holding):
                process.send(
                    Train(members=[Assignment(id=one.job_id, spec=one.spec) for one in claimed])
                )
                self._oversee(process, holding)
        except Exception:
            _log.exception("giving up", jobs=sorted(holding.attempts))
            process.kill()
            detail = "The worker could not record this job; its log has the traceback."
            self._recorder.lose(holding.attempts, Reason.INTERNAL, detail)
        finally:
            slot.settle(grace_s=self._settings.cancel_grace_s)

    def _oversee(self, process: TrainingProcess, holding: Holding) -> None:
        """Records what the process tells until no job of the cohort is held any more."""
        attempts = holding.attempts
        while attempts:
            notices = _take(process)
            if notices:
                _keep_only(attempts, self._recorder.record(attempts, notices))
            unwanted = holding.unwanted & attempts.keys()
            if unwanted:
                _keep_only(attempts, self._recorder.cancel(attempts, unwanted))
            lost = holding.lost & attempts.keys()
            if lost:
                _log.warning("lost to the reaper", jobs=sorted(lost))
                _keep_only(attempts, {job: attempts[job] for job in attempts.keys() - lost})
            for member in unwanted | lost:
                process.send(Stop(member=member))
            if self._stopping.is_set() and attempts:
                self._recorder.hand_back(attempts)
                attempts.clear()
        process.send(Stop(member=None))


def _take(process: TrainingProcess) -> list[Notice | Exited]:
    """What has come in, or nothing after a short wait."""
    taken: list[Notice | Exited] = []
    try:
        taken.append(process.inbox.get(timeout=_LOOK_EVERY_S))
        while len(taken) < _MOST_PER_WRITE:
            taken.append(process.inbox.get_nowait())
    except queue.Empty:
        pass
    return taken


def _keep_only(attempts: dict[str, int], kept: dict[str, int]) -> None:
    """Changes `attempts` in place: the lease thread looks at the same dictionary."""
    for job in attempts.keys() - kept.keys():
        del attempts[job]


class Slot:
    """Room for one cohort at a time, with a training process that stays warm between cohorts."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._loaded = threading.Event()
        self._process: TrainingProcess | None = None

    @property
    def is_ready(self) -> bool:
        """Whether a cohort would start without waiting for a process to load."""
        return self._loaded.is_set() and self._process is not None and self._process.is_alive

    def warm(self) -> TrainingProcess:
        """The training process, started if there is none."""
        if self._process is None or not self._process.is_alive:
            self._loaded = threading.Event()
            self._process = TrainingProcess(threads=self._threads, on_ready=self._loaded.set)
        return self._process

    def settle(self, *, grace_s: float) -> None:
        """Makes sure that the process has left its cohort: by itself within the grace, or by
        being killed. A new one is started in its place."""
        process = self._process
        if process is not None and not process.wait_until_idle(grace_s):
            process.kill()
            self.warm()

    def close(self) -> None:
        if self._process is not None:
            self._process.close()


def threads_per_slot(settings: Settings) -> int:
    """Threads with which slots that are all busy do not fight for cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return settings.worker_threads or max(1, (cores or 1) // settings.worker_slots)
