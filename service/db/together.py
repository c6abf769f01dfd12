"""Several short writes in one transaction (group commit).

What a posted job costs the database is mostly its transaction: a connection from the pool, BEGIN,
COMMIT, and the disk's word for it. Who gathers the writes is `service.api.posts`.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from service.domain.errors import QueueFull

T = TypeVar("T")

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


@dataclass(eq=False)
class Write(Generic[T]):
    """A write that may share its transaction, and what came of it."""

    make: Callable[[Session], T]
    error: Exception | None = None
    _result: T | None = None

    def attempt(self, session: Session) -> None:
        self.error = None
        try:
            self._result = self.make(session)
        except QueueFull as refused:
            self.error = refused

    @property
    def result(self) -> T:
        """What `make` returned. Raises what it raised."""
        if self.error is not None:
            raise self.error
        return cast(T, self._result)


def make_together(transaction: Transaction, group: Sequence[Write[T]]) -> None:
    """Makes all writes, and returns when each of them has its result or its error.

    QueueFull is an answer: a write must have changed nothing when it raises that. With any other
    error the group is rolled back and each of its writes made by itself, so that one's fault is
    not another's; but where the database stopped answering nobody knows what it did, and all of
    them fail.
    """
    try:
        with transaction() as session:
            for write in group:
                write.attempt(session)
    except UNAVAILABLE as error:
        _fail(group, error)
    except Exception as error:
        if len(group) == 1:
            _fail(group, error)
            return
        for write in group:
            make_together(transaction, [write])


def _fail(group: Sequence[Write[T]], error: Exception) -> None:
    for write in group:
        write.error = error
