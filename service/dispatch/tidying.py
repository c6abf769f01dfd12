"""Removes what has had its time."""

from service.db import Database, audit, datasets, idempotency
from service.settings import Settings

_BATCH = 1000


def tidy(database: Database, settings: Settings) -> None:
    """Forgets old Idempotency-Keys and lines of the audit log, some at a time, and adopts data
    sets that have no owner."""
    with database.writing() as session:
        idempotency.forget_old_keys(session, after_s=settings.idempotency_s, limit=_BATCH)
        if settings.audit_days:
            audit.forget(session, after_s=settings.audit_days * 86_400, limit=_BATCH)
        datasets.adopt(session)
