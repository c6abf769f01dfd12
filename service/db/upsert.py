"""INSERT … ON CONFLICT, which both databases spell alike and SQLAlchemy keeps per dialect; and
COPY, which PostgreSQL alone has."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import BigInteger, Column, LargeBinary, String, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from service.db.tables import Base
from service.db.types import Measured, UtcTimestamp

Rows = Sequence[dict[str, Any]]

# Fewer rows are inserted sooner than a COPY is set up.
_WORTH_COPYING = 20


def insert_ignoring(session: Session, model: type[Base], row: dict[str, Any]) -> bool:
    """Inserts the row unless its key is taken. Returns whether it was inserted."""
    # By RETURNING and not by the row count, which SQLAlchemy does not know here on PostgreSQL.
    statement = _insert(session, model).values(row).on_conflict_do_nothing()
    inserted = session.execute(statement.returning(*cast(Table, model.__table__).primary_key))
    return inserted.first() is not None


def insert_all_ignoring(session: Session, model: type[Base], rows: Rows) -> None:
    """Inserts the rows but for those whose key is taken."""
    if rows:
        session.execute(_insert(session, model).on_conflict_do_nothing(), list(rows))


def insert_or_replace(session: Session, model: type[Base], rows: Rows) -> None:
    """Inserts the rows; a row whose key is taken replaces the old one. All rows name the same
    columns. Many rows go into PostgreSQL by COPY, unless one of their keys is taken."""
    if not rows:
        return
    table = cast(Table, model.__table__)
    if (
        len(rows) >= _WORTH_COPYING
        and _dialect(session) == "postgresql"
        and _copy(session, table, rows)
    ):
        return
    keys = [column.name for column in table.primary_key]
    statement = _insert(session, model)
    new = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys}
    session.execute(statement.on_conflict_do_update(index_elements=keys, set_=new), list(rows))


def _copy(session: Session, table: Table, rows: Rows) -> bool:
    """Copies all rows, or none and returns False where a key is taken: a write that is repeated,
    or an attempt that is not the first."""
    names = list(rows[0])
    columns = ", ".join(table.columns[name].name for name in names)
    # Binary: the server, which has more to do than we, need not read numbers from text.
    into = f"COPY {table.name} ({columns}) FROM STDIN WITH (FORMAT BINARY)"
    dialect = session.get_bind().dialect
    driver_errors = dialect.loaded_dbapi
    try:
        with session.begin_nested():
            driver: Any = session.connection().connection.driver_connection
            with driver.cursor() as cursor, cursor.copy(into) as copy:
                copy.set_types([_binary_type(table.columns[name]) for name in names])
                in_order = itemgetter(*names)
                for row in rows:
                    copy.write_row(in_order(row))
    except driver_errors.IntegrityError:
        return False
    except driver_errors.Error as error:
        # COPY is the driver's own. What it raises is to be what any other statement raises: a
        # full disk or a cancelled statement is waited for, see UNAVAILABLE.
        raise DBAPIError.instance(
            into, None, error, driver_errors.Error, hide_parameters=True, dialect=dialect
        ) from error
    return True


_BINARY_TYPES = (
    (BigInteger, "int8"),
    (Measured, "float8"),
    (UtcTimestamp, "timestamptz"),
    (String, "varchar"),
    (LargeBinary, "bytea"),
)


def _binary_type(column: Column[Any]) -> str:
    """What binary COPY must be told of a column, which takes no value for another type's."""
    return next(name for kind, name in _BINARY_TYPES if isinstance(column.type, kind))


def _dialect(session: Session) -> str:
    return session.get_bind().dialect.name


def _insert(session: Session, model: type[Base]) -> Any:
    insert = postgresql.insert if _dialect(session) == "postgresql" else sqlite.insert
    return insert(cast(Table, model.__table__))
