"""What the record says of the service's load: asked with every scrape, so answered by indexes."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.db.engine import EVERY_OWNER
from service.db.tables import JobRow, OutboxRow
from service.db.types import now
from service.domain.states import JobStatus


@dataclass(frozen=True, kw_only=True)
class Load:
    """What waits and what runs."""

    queue_age_s: float
    """For how long the job waits that waits longest; 0 where none does."""
    lease_left_s: float | None
    """For how long the lease still holds that ends first, below 0 where it has ended; None where
    nothing runs."""


def read_load(session: Session) -> Load:
    """By the database's clock. Takes as long as there are jobs that run, however many wait or have
    ended."""
    waits_since = select(func.min(OutboxRow.queued_at)).scalar_subquery()
    lease_ends = (
        select(func.min(JobRow.lease_expires_at))
        .where(JobRow.status == JobStatus.RUNNING)
        .scalar_subquery()
    )
    at, since, ends = session.execute(
        select(now(), waits_since, lease_ends), execution_options=EVERY_OWNER
    ).one()
    return Load(
        queue_age_s=0.0 if since is None else max(0.0, (at - since).total_seconds()),
        lease_left_s=None if ends is None else (ends - at).total_seconds(),
    )


def count(session: Session, statuses: Collection[JobStatus]) -> dict[JobStatus, int]:
    """How many jobs are in each of these states. Counts each of them, in an index."""
    counts = (
        select(JobRow.status, func.count().label("jobs"))
        .where(JobRow.status.in_(statuses))
        .group_by(JobRow.status)
    )
    found = {row.status: row.jobs for row in session.execute(counts, execution_options=EVERY_OWNER)}
    return {status: found.get(status, 0) for status in statuses}
