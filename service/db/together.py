"""Several posted jobs in one transaction (group commit).

What a posted job costs the database is mostly its transaction: a connection from the pool, BEGIN,
COMMIT, and the disk's word for it. Who gathers them is `service.api.posts`.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from service.db import audit
from service.db.audit import Actor
from service.db.posting import Submission, store
from service.domain.errors import QueueFull
from service.domain.job import Job

UNAVAILABLE = (OperationalError, InterfaceError, PoolTimeout)
"""What a transaction raises while the database does not answer."""

_POSTGRES_DISK_FULL = "53100"
_SQLITE_DISK_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)


def disk_is_full(error: Exception) -> bool:
    """Whether one of UNAVAILABLE was raised because the database's disk has no room left."""
    cause = getattr(error, "orig", None)
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", None) in _SQLITE_DISK_FULL
    return getattr(cause, "sqlstate", None) == _POSTGRES_DISK_FULL


Transaction = Callable[[], AbstractContextManager[Session]]
Stored = Job | Exception
"""What came of a submission: the job, or why there is none."""


def store_together(transaction: Transaction, group: Sequence[Submission]) -> list[Stored]:
    """Stores all jobs in one transaction, and says what came of each, in their order.

    QueueFull is an answer: the others are stored. With any other error the group is rolled back and
    each is stored by itself, so that one's fault is not another's; but where the database stopped
    answering nobody knows what it did, and all of them fail.
    """
    try:
        with transaction() as session:
            made = store(session, group)
            audit.record_all(session, _changes(group, made))
            return list(made)
    except UNAVAILABLE as error:
        return [error] * len(group)
    except Exception as error:
        if len(group) == 1:
            return [error]
        return [stored for one in group for stored in store_together(transaction, [one])]


def _changes(
    group: Sequence[Submission], made: Sequence[Job | QueueFull]
) -> list[tuple[Actor, str]]:
    return [
        (asked.actor, job.id)
        for asked, job in zip(group, made, strict=True)
        if asked.actor is not None and isinstance(job, Job)
    ]
