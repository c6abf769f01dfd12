"""The connection to the database, and the two kinds of transaction there are.

What is opened for an owner (`Database.seen_by`) adds to every question about a table with an owner
that the owner must be this one, wherever in a statement the table stands. So a query that was
written without a thought of owners shows nobody another's rows; the few that must count
everybody's say so by `EVERY_OWNER`.
"""

import copy
import select
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Dialect, Engine, ExceptionContext, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InvalidatePoolError, OperationalError
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria
from sqlalchemy.pool import ConnectionPoolEntry

from service.db import audit, changes, endings
from service.db.audit import Actor
from service.db.changes import OnChanged
from service.db.endings import OnEnded
from service.db.posting import NewJob, Origin, Submission, note_origin
from service.db.reach import Reach, connect_options
from service.db.sessions import configure_sessions
from service.db.tables import Owned
from service.db.together import Stored, store_together

T = TypeVar("T")

_WRITES = "subgrad_writes"
_SQLITE_TIMEOUT_S = 30.0
_SQLITE_WAITS = f"PRAGMA busy_timeout = {round(_SQLITE_TIMEOUT_S * 1000)}"
_LOOK_EVERY_S = 0.002
_PING_AFTER_S = 1.0
_RESTS_SINCE = "rests since"

EVERY_OWNER = {"every_owner": True}
"""Execution options of a question that is asked about everybody's rows, whoever asks."""

_SEEN_BY = "seen by"


class _Session(Session):
    """A session that may be opened for one owner."""


@event.listens_for(_Session, "do_orm_execute")
def _show_own_rows_only(asked: ORMExecuteState) -> None:
    owner = asked.session.info.get(_SEEN_BY)
    if owner is None or asked.is_insert or asked.execution_options.get("every_owner"):
        return
    asked.statement = asked.statement.options(
        *(
            with_loader_criteria(table, table.owner == owner, include_aliases=True)
            for table in Owned.__subclasses__()
        )
    )


class Database:
    """One per process. Threads share it; each transaction has a session of its own."""

    def __init__(self, url: str) -> None:
        self.engine = _create_engine(url)
        self._reader = self.engine
        if self.engine.dialect.name == "postgresql":
            # One picture of the database for all statements of a transaction, as SQLite has it.
            self._reader = self.engine.execution_options(isolation_level="REPEATABLE READ")
        self._writer = self.engine.execution_options(**{_WRITES: True})
        self._owner: str | None = None
        self._actor: Actor | None = None
        self._origin: Origin | None = None
        self.on_ended: OnEnded | None = None
        """Is told of attempts that ended, once that is committed."""
        self.on_changed: OnChanged | None = None
        """Is told what streams show otherwise than before, once that is committed. It must neither
        raise nor wait."""

    def seen_by(
        self, owner: str | None, actor: Actor | None = None, origin: Origin | None = None
    ) -> "Database":
        """The same database as this owner sees it; None sees everything. Of every transaction
        that may change something the audit log tells that the actor asked for it. What is made
        remembers the origin."""
        view = copy.copy(self)
        view._owner, view._actor, view._origin = owner, actor, origin
        return view

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that changes nothing and sees one moment of the database."""
        with _Session(self._reader, info={_SEEN_BY: self._owner}) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that commits when the block ends and rolls back when it raises."""
        with _Session(self._writer, info={_SEEN_BY: self._owner}) as session:
            note_origin(session, self._origin)
            with session.begin():
                yield session
                if self._actor is not None:
                    audit.record(session, self._actor)
            ended, changed = endings.take_noted(session), changes.take_noted(session)
        if changed is not None and self.on_changed is not None:
            self.on_changed(changed)
        if ended and self.on_ended is not None:
            self.on_ended(ended)

    def submission(
        self, new: NewJob, *, owner: str, priority: int = 0, max_queued: int | None = None
    ) -> Submission:
        """A job as the actor of this view posts it, for `store_together`."""
        return Submission(
            new=new,
            owner=owner,
            priority=priority,
            max_queued=max_queued,
            origin=self._origin,
            actor=self._actor,
        )

    def store_together(self, group: Sequence[Submission]) -> list[Stored]:
        """Stores jobs, whoever's they are, in one transaction if it can be."""
        return store_together(self.seen_by(None).writing, group)

    @contextmanager
    def write_connection(self) -> Iterator[Connection]:
        """The same for statements below the session, such as migrations."""
        with self._writer.begin() as connection:
            yield connection

    def ping(self) -> None:
        """Raises where the database does not answer."""
        with self.engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def dispose(self) -> None:
        self.engine.dispose()


def _create_engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "postgresql":
        engine = create_engine(
            parsed,
            pool_size=10,
            max_overflow=30,
            connect_args=connect_options(),
        )
        event.listen(engine, "do_connect", Reach().connect)
        configure_sessions(engine)
        event.listen(engine, "handle_error", _tell_lost_connection)
        event.listen(engine, "checkin", _note_rest)
        event.listen(engine, "checkout", partial(_ping_if_doubtful, engine.dialect))
        return engine
    if parsed.get_backend_name() != "sqlite":
        raise ValueError(f"SUBGRAD_DATABASE_URL: use postgresql or sqlite, not {parsed.drivername}")
    if not parsed.database or parsed.database == ":memory:":
        raise ValueError("SUBGRAD_DATABASE_URL: SQLite needs a file, shared by all processes")
    Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    timeout = {"timeout": _SQLITE_TIMEOUT_S}
    engine = create_engine(parsed, pool_size=10, max_overflow=30, connect_args=timeout)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _note_rest(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info[_RESTS_SINCE] = time.monotonic()


def _ping_if_doubtful(
    dialect: Dialect, connection: Any, record: ConnectionPoolEntry, _proxy: Any
) -> None:
    # The server may have gone meanwhile. What was in use a moment ago is not asked again, which
    # would be another journey for each transaction, unless something came for it while nobody
    # had asked: the end of the connection reads so.
    rests_since = record.info.get(_RESTS_SINCE)
    if rests_since is None:
        return
    rested = time.monotonic() - rests_since > _PING_AFTER_S
    if not rested and not _something_came(connection.fileno()):
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        raise InvalidatePoolError from error


def _something_came(descriptor: int) -> bool:
    # Not select(): it takes no descriptor past 1023.
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _tell_lost_connection(context: ExceptionContext) -> BaseException | None:
    # The driver has many errors for a server that hung up. Callers know one: see UNAVAILABLE.
    if not context.is_disconnect or isinstance(context.sqlalchemy_exception, OperationalError):
        return None
    return OperationalError(
        context.statement,
        context.parameters,
        context.original_exception,
        connection_invalidated=True,
    )


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own habit of opening transactions is switched off, see _begin_sqlite.
    connection.isolation_level = None
    try:
        _switch_to_wal(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.OperationalError as error:
        # In an event nobody makes one of SQLAlchemy's of it, which callers know: UNAVAILABLE.
        raise OperationalError(None, None, error) from error


def _switch_to_wal(connection: Any) -> None:
    # Needed once in the life of the file. Of all statements this one does not wait for a lock,
    # whatever the timeout: several processes that open a new file at once would fail.
    deadline = time.monotonic() + _SQLITE_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _is_busy(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the write lock at once: a transaction that reads first and writes later
    # cannot wait for the lock, it fails with "database is locked" whatever the timeout.
    if connection.get_execution_options().get(_WRITES, False):
        _take_write_lock(connection)
    else:
        connection.exec_driver_sql("BEGIN")


def _take_write_lock(connection: Connection) -> None:
    """As SQLite's own waiting does, but looking every 2 ms: it looks ever more seldom, in the end
    every 100 ms, and who writes one transaction after another is always there before."""
    driver: Any = connection.connection.driver_connection
    deadline = time.monotonic() + _SQLITE_TIMEOUT_S
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        while time.monotonic() < deadline:
            try:
                driver.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if not _is_busy(error):
                    break
                time.sleep(_LOOK_EVERY_S)
            else:
                return
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # raises what SQLAlchemy makes of it
    finally:
        driver.execute(_SQLITE_WAITS)
