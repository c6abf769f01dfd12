"""Takes jobs from workers that fell silent."""

import structlog

from service.db import Database, claims, reports, workers
from service.observability.reporting import REMEMBER_S

_log = structlog.get_logger(__name__)

# A worker reports every few seconds; after so long it is no longer listed.
_FORGET_WORKER_S = 120.0


def reap(database: Database, *, max_attempts: int, at_once: int = claims.MOST_GIVEN_UP) -> None:
    """Returns all jobs whose lease ran out to the queue, or fails them after too many losses; of
    a hall of workers that lost its power, so many in one transaction."""
    with database.writing() as session:
        workers.forget_silent(session, after_s=_FORGET_WORKER_S)
        reports.forget_silent(session, after_s=REMEMBER_S)
    is_full = True
    while is_full:
        with database.writing() as session:
            lost = claims.give_up_on_silent_workers(
                session, max_attempts=max_attempts, limit=at_once
            )
        for job_id in lost:
            _log.warning("lease ran out", job=job_id)
        is_full = len(lost) == at_once
