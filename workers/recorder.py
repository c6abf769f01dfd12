"""Turns what training tells into rows: one transaction for whatever has come in meanwhile."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import structlog

from service.db import UNAVAILABLE, Database, Session, checkpoints, claims, metrics
from service.db.artifacts import ObjectSwept
from service.domain.events import EndEvent, EpochEvent, FailedEvent, StartedEvent
from service.domain.states import JobStatus, Outcome, Reason
from workers.lifecycle import Exited
from workers.protocol import Notice
from workers.shelf import Kept, Shelf

_log = structlog.get_logger(__name__)

_TRY_EVERY_S = 0.5
_LAST_TRIES_S = 3.0

Written = TypeVar("Written")


class Recorder:
    """Writes for one worker. What it is told twice it writes once: every write is fenced by the
    attempt and keyed by job and epoch."""

    def __init__(
        self, database: Database, shelf: Shelf, *, max_attempts: int, stop: threading.Event
    ) -> None:
        self._database, self._shelf = database, shelf
        self._max_attempts, self._stop = max_attempts, stop

    def record(
        self, attempts: Mapping[str, int], notices: Sequence[Notice | Exited]
    ) -> dict[str, int]:
        """Writes the notices in order and returns the attempts that are still held afterwards:
        without those that ended and those that were lost to another worker.

        Waits for a database that is away; the lease decides whether that took too long.
        """
        kept = self._shelf.shelve(attempts, notices)
        try:
            return self._insist(lambda session: self._write(session, dict(attempts), notices, kept))
        except ObjectSwept:  # this process slept for an hour between the two
            told = Kept.told(notices)
            return self._insist(lambda session: self._write(session, dict(attempts), notices, told))

    def _insist(self, write: Callable[[Session], Written]) -> Written:
        """Writes in a transaction; waits for a database that is away. While the worker stops it
        waits a moment only: then the leases run out, and others take the jobs."""
        gives_up_at: float | None = None
        while True:
            try:
                with self._database.writing() as session:
                    return write(session)
            except UNAVAILABLE as error:
                if self._stop.is_set():
                    gives_up_at = gives_up_at or time.monotonic() + _LAST_TRIES_S
                    if time.monotonic() > gives_up_at:
                        raise
                _log.warning("waiting for the database", error=str(error).splitlines()[0])
                time.sleep(_TRY_EVERY_S)

    def cancel(self, attempts: Mapping[str, int], unwanted: set[str]) -> dict[str, int]:
        """Ends the unwanted jobs as cancelled, with what was measured of them, and returns the
        other attempts."""
        ending = {job: attempt for job, attempt in attempts.items() if job in unwanted}
        self._insist(
            lambda session: claims.finish(
                session,
                ending,
                status=JobStatus.CANCELLED,
                reason=Reason.USER,
                detail="Cancelled while running.",
            )
        )
        return {job: attempt for job, attempt in attempts.items() if job not in ending}

    def hand_back(self, attempts: Mapping[str, int]) -> None:
        """Returns the jobs to the queue through no fault of theirs."""
        self._insist(lambda session: claims.hand_back(session, attempts))

    def lose(self, attempts: Mapping[str, int], reason: Reason, detail: str) -> None:
        """The training process died over the jobs: see `claims.lose`."""
        self._insist(lambda session: self._lose(session, attempts, reason, detail))

    def fail(self, attempts: Mapping[str, int], reason: Reason, detail: str) -> None:
        """Ends the jobs: no other try would go better."""
        self._insist(
            lambda session: claims.finish(
                session, attempts, status=JobStatus.FAILED, reason=reason, detail=detail
            )
        )

    def _lose(
        self, session: Session, attempts: Mapping[str, int], reason: Reason, detail: str
    ) -> None:
        claims.lose(
            session, attempts, reason=reason, detail=detail, max_attempts=self._max_attempts
        )

    def _write(
        self,
        session: Session,
        attempts: dict[str, int],
        notices: Sequence[Notice | Exited],
        kept: Kept,
    ) -> dict[str, int]:
        for notice in notices:
            if isinstance(notice, StartedEvent):  # first, for adopting removes later epochs
                claims.record_environment(session, attempts, notice.environment)
                checkpoints.adopt(session, attempts, notice.resumed)
        epochs = [notice for notice in notices if isinstance(notice, EpochEvent)]
        mine = metrics.record_epochs(session, attempts, epochs)
        attempts = {job: attempt for job, attempt in attempts.items() if job in mine}
        saved = [(job, epoch, content) for job, (epoch, content) in kept.checkpoints.items()]
        checkpoints.keep(session, attempts, saved)
        checkpoints.keep_weights(session, attempts, kept.weights)
        self._finish_ended(session, attempts, notices)
        for notice in notices:
            match notice:
                case FailedEvent() as failure:
                    self._fail(session, attempts, failure)
                case Exited() as exited if attempts:
                    self._lose(session, attempts, exited.reason, exited.description)
                    attempts.clear()
        return attempts

    def _finish_ended(
        self, session: Session, attempts: dict[str, int], notices: Sequence[Notice | Exited]
    ) -> None:
        """Ends the members that were trained to their end; those with the same finding at once."""
        findings: dict[tuple[Outcome, int | None], dict[str, int]] = defaultdict(dict)
        for notice in notices:
            if isinstance(notice, EndEvent) and notice.member in attempts:
                finding = (notice.outcome, notice.diverged_at_step)
                findings[finding][notice.member] = attempts.pop(notice.member)
        for (outcome, step), ended in findings.items():
            claims.finish(
                session,
                ended,
                status=JobStatus.SUCCEEDED,
                outcome=outcome,
                diverged_at_step=step,
            )

    def _fail(self, session: Session, attempts: dict[str, int], failure: FailedEvent) -> None:
        """Ends the member that failed. What failed a whole cohort may be the fault of one member
        or of their number, so then each half of it is tried again by itself."""
        failed = {failure.member} if failure.member else set(attempts)
        ending = {job: attempts.pop(job) for job in failed if job in attempts}
        if failure.member is None and len(ending) > 1:
            self._lose(session, ending, failure.reason, failure.detail)
        else:
            claims.finish(
                session,
                ending,
                status=JobStatus.FAILED,
                reason=failure.reason,
                detail=failure.detail,
            )
