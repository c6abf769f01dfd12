"""The fence in front of each write of a worker: which of its jobs it still holds."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.tables import JobRow
from service.db.types import now
from service.domain.states import JobStatus

Held = Mapping[str, int]
"""Attempt by job id: what a worker believes that it holds."""


def lock_held(session: Session, held: Held) -> set[str]:
    """Which of the jobs the caller still holds; their rows stay locked in this transaction."""
    return set(lock_with_sweeps(session, held))


def lock_with_sweeps(session: Session, held: Held) -> dict[str, str | None]:
    """The same, each with the sweep that it is a member of.

    Whoever waits for several job rows takes them in the order of their ids, so no two wait for
    each other: every other statement takes one row, skips locked ones, or comes after this one.
    """
    # The attempts are compared here and not in SQL: for a list of pairs both databases plan badly.
    running = (
        select(JobRow.id, JobRow.attempt, JobRow.sweep_id)
        .where(
            JobRow.id.in_(list(held)),
            JobRow.status == JobStatus.RUNNING,
            JobRow.lease_expires_at > now(),
        )
        .order_by(JobRow.id)
        .with_for_update()
    )
    found = session.execute(running)
    return {row.id: row.sweep_id for row in found if row.attempt == held[row.id]}
