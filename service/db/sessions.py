"""What PostgreSQL is told of each session, and what holds where sessions are not ours: behind a
connection pooler such as PgBouncer (docs/decisions/085-pgbouncer.md).

In transaction mode a pooler gives each transaction whatever server connection is free. So nothing
may be kept in a session: no setting, for another's transaction would find it, and no prepared
statement, for ours would not. A pooler is recognised by itself: it tells its client of a server
process that is not the one that answers.
"""

from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.pool import ConnectionPoolEntry

from service.db.reach import SERVER_SETTINGS

_IS_POOLED = "behind a pooler"

_OF_TRANSACTION = {
    # A process that is stopped in the middle of a transaction would hold its locks.
    "idle_in_transaction_session_timeout": "15s",
    # Compiling a statement takes longer than any of ours; with millions of rows in a table it is
    # what the planner would choose.
    "jit": "off",
}
_OF_SESSION = {**_OF_TRANSACTION, **SERVER_SETTINGS}


def _set(settings: dict[str, str], is_local: str) -> str:
    return ", ".join(f"set_config('{name}', '{to}', {is_local})" for name, to in settings.items())


# For the session where that is ours, else for this one statement's transaction, which is nothing.
_MEET = (
    f"WITH answering AS (SELECT pg_backend_pid() <> %s AS is_another) "  # noqa: S608  (constants)
    f"SELECT is_another, {_set(_OF_SESSION, 'is_another')} FROM answering"
)
_BEGIN = f"SELECT {_set(_OF_TRANSACTION, 'true')}"


def configure_sessions(engine: Engine) -> None:
    """Has PostgreSQL end transactions of the engine in which nothing happens for 15 s, and notice
    a client that was cut off; and the engine use nothing that a pooler cannot keep."""
    event.listen(engine, "connect", _meet_server)
    event.listen(engine, "begin", _begin)


def is_pooled(connection: Connection) -> bool:
    """Whether the server connection may be another in the next transaction."""
    return bool(connection.info.get(_IS_POOLED))


def _meet_server(connection: Any, record: ConnectionPoolEntry) -> None:
    connection.autocommit = True
    pooled, *_ = connection.execute(_MEET, [connection.info.backend_pid]).fetchone()
    connection.autocommit = False
    record.info[_IS_POOLED] = pooled
    if pooled:
        connection.prepare_threshold = None


def _begin(connection: Connection) -> None:
    if is_pooled(connection):
        connection.exec_driver_sql(_BEGIN)
