"""Short writes of many threads, together in one transaction (group commit).

What a posted job costs the database is mostly its transaction: a connection from the pool, BEGIN,
COMMIT, and the disk's word for it. Writes that come while another is under way wait for it, and
the first of them then makes all of theirs in one transaction. One that comes alone waits for none.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any, TypeVar, cast

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from service.domain.errors import QueueFull

T = TypeVar("T")

UNAVAILABLE = (OperationalError, InterfaceError, PoolTimeout)
"""What is raised where the database does not answer."""

# The first of a group waits for the last one.
_MOST = 64

Transaction = Callable[[], AbstractContextManager[Session]]


@dataclass(eq=False)
class _Write:
    make: Callable[[Session], Any]
    turn: Event = field(default_factory=Event)
    leads: bool = False
    result: Any = None
    error: Exception | None = None


class Together:
    """One per database and process."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._lock = Lock()
        self._waiting: list[_Write] = []
        self._is_busy = False

    def run(self, make: Callable[[Session], T]) -> T:
        """What `make` returns or raises, once its transaction has ended.

        QueueFull is an answer: `make` must have changed nothing when it raises that. With any other
        error the group is rolled back and each of its writes made by itself, so that one's fault is
        not another's; but where the database stopped answering nobody knows what it did, and all
        of them fail.
        """
        mine = _Write(make)
        with self._lock:
            self._waiting.append(mine)
            mine.leads, self._is_busy = not self._is_busy, True
        if not mine.leads:
            mine.turn.wait()
        if mine.leads:
            self._lead()
        if mine.error is not None:
            raise mine.error
        return cast(T, mine.result)

    def _lead(self) -> None:
        with self._lock:
            group, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
        try:
            self._make(group)
        finally:
            with self._lock:
                self._is_busy = bool(self._waiting)
                if self._is_busy:
                    self._waiting[0].leads = True
                    self._waiting[0].turn.set()
            for write in group:
                write.turn.set()

    def _make(self, group: list[_Write]) -> None:
        try:
            with self._transaction() as session:
                for write in group:
                    _attempt(write, session)
        except UNAVAILABLE as error:
            _fail(group, error)
        except Exception as error:
            if len(group) == 1:
                _fail(group, error)
                return
            for write in group:
                write.error = None
                self._make([write])


def _attempt(write: _Write, session: Session) -> None:
    try:
        write.result = write.make(session)
    except QueueFull as refused:
        write.error = refused


def _fail(group: list[_Write], error: Exception) -> None:
    for write in group:
        write.error = error
