"""What a process that serves no HTTP tells of itself: who it is, what it counts, how its attempts
end."""

import socket
from collections.abc import Sequence
from typing import Literal

import structlog

import service
from service.db import Session, reports
from service.db.endings import EndedAttempt
from service.db.reports import Process
from service.observability.meters import Meters

_log = structlog.get_logger(__name__)

REMEMBER_S = 900.0
"""For so long what a process counted is shown after it was last heard of: Prometheus must have seen
its last figures, and looks back over some minutes."""


class Reporter:
    """One per process."""

    def __init__(self, process_id: str, kind: Literal["worker", "dispatch"]) -> None:
        self.meters = Meters()
        self._process = Process(
            id=process_id,
            kind=kind,
            host=socket.gethostname()[:255],
            version=service.__version__,
        )

    def report(self, session: Session) -> None:
        """Writes down what was counted so far."""
        reports.keep(session, self._process, self.meters.samples())

    def hear_of_ended(self, attempts: Sequence[EndedAttempt]) -> None:
        """Counts attempts that ended, and has a line in the log for each: for
        `Database.on_ended`."""
        self.meters.count_ended(attempts)
        for one in attempts:
            waited = {} if one.cancel_wait_s is None else {"cancel_wait_s": one.cancel_wait_s}
            _log.info(
                "attempt ended",
                job=one.job_id,
                attempt=one.attempt,
                reason=one.reason,
                request_id=one.request_id,
                **waited,
            )
