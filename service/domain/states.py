"""The states of a job, why it ended, and which moves are allowed.

   ┌────────────── returned (lease ran out, worker stopping) ─┐
   ▼                                                          │
queued ──── claimed ────► running ──── finished ────► succeeded
 ▲ │                         ├──── gave up ─────────► failed ──┐
 │ └── cancel ──► cancelled ◄┴──── cancel                      │
 └── retry ───────────┴────────────────────────────────────────┘
"""

from enum import StrEnum


class JobStatus(StrEnum):
    QUEUED = "queued"
    """Stored and waiting for a worker to claim it."""
    RUNNING = "running"
    """Claimed by one worker, which holds the lease of the current attempt."""
    SUCCEEDED = "succeeded"
    """Trained to the end, or until it diverged: `outcome` tells which."""
    FAILED = "failed"
    """Ended without a result; `reason` says why."""
    CANCELLED = "cancelled"
    """Ended by its user. What was measured until then is kept."""


TERMINAL = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED})

ALLOWED_MOVES: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.QUEUED: frozenset({JobStatus.RUNNING, JobStatus.CANCELLED, JobStatus.FAILED}),
    JobStatus.RUNNING: frozenset({JobStatus.QUEUED, *TERMINAL}),
    JobStatus.SUCCEEDED: frozenset(),
    JobStatus.FAILED: frozenset({JobStatus.QUEUED}),
    JobStatus.CANCELLED: frozenset({JobStatus.QUEUED}),
}

RETRIABLE = frozenset({JobStatus.FAILED, JobStatus.CANCELLED})
"""What its user may send back to the queue. A succeeded job would only repeat its numbers."""


class Outcome(StrEnum):
    """What a succeeded job found."""

    COMPLETED = "completed"
    """Every epoch was trained."""
    DIVERGED = "diverged"
    """Loss or weights became NaN or infinite: a finding, not a failure."""


class Reason(StrEnum):
    """Why a job failed, was cancelled, or went back to the queue."""

    WORKER_LOST = "worker_lost"
    OUT_OF_MEMORY = "out_of_memory"
    TIMEOUT = "timeout"
    USER = "user"
    INVALID_DATA = "invalid_data"
    INTERNAL = "internal"
    HANDED_BACK = "handed_back"
    """Not an end: a stopping worker returned the job to the queue."""
    RETRIED = "retried"
    """Not an end: the user sent an ended job back to the queue."""
