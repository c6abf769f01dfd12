"""Rows for every table there is, and everything that a database holds: for tests that must also
cover tables that nobody has thought of yet."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    LargeBinary,
    String,
    insert,
    inspect,
    text,
)
from sqlalchemy.types import TypeEngine

from service.db import Database
from service.db.tables import Base
from service.db.types import Measured, UtcTimestamp
from service.domain.access import DEFAULT_OWNER

Contents = dict[str, list[dict[str, str]]]
"""By table its rows, by column their values as text: so that NaN equals NaN."""

_ROWS = 2


def fill(database: Database) -> None:
    """Two rows into every table, with a value in every column."""
    with database.write_connection() as connection:
        for table in Base.metadata.sorted_tables:
            rows = [{c.name: _value(c, n) for c in table.columns} for n in range(_ROWS)]
            connection.execute(insert(table), rows)


def _value(column: Column[Any], number: int) -> Any:
    for key in column.foreign_keys:
        return _value(key.column, number)
    if column.name == "owner":  # the only one that every version knows
        return DEFAULT_OWNER
    return _of_type(column.type, column.name, number)


def _of_type(kind: TypeEngine[Any], name: str, number: int) -> Any:
    for known, value in _VALUES.items():
        if isinstance(kind, known):
            return value(name, number)
    raise TypeError(f"say here what a value of {kind!r} looks like")


_MOMENT = datetime(2026, 11, 25, 12, tzinfo=UTC)
_VALUES: dict[type[TypeEngine[Any]], Callable[[str, int], Any]] = {
    Measured: lambda _, number: (math.nan, 0.1 + 0.2)[number],
    UtcTimestamp: lambda _, number: _MOMENT + timedelta(milliseconds=number),
    Boolean: lambda _, number: bool(number),
    BigInteger: lambda _, number: 2**40 + number,
    JSON: lambda name, number: {name: [number, None, "ß"]},
    LargeBinary: lambda _, number: bytes([0, number, 255]),
    String: lambda name, number: f"{name}_{number}",  # Text too
}


def contents(database: Database) -> Contents:
    """Everything in it, in the order of the rows' own text."""
    found: Contents = {}
    with database.engine.connect() as connection:
        for table in set(inspect(connection).get_table_names()) - {"alembic_version"}:
            rows = connection.execute(text(f'SELECT * FROM "{table}"')).mappings()  # noqa: S608
            found[table] = _sorted([{key: repr(row[key]) for key in row} for row in rows])
    return found


def shared(one: Contents, other: Contents) -> Contents:
    """What of the one has a table and a column in the other."""
    return {
        table: _sorted([_only(row, other[table][0]) for row in rows])
        for table, rows in one.items()
        if other.get(table)
    }


def _only(row: dict[str, str], columns: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in row.items() if name in columns}


def _sorted(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return sorted(rows, key=lambda row: sorted(row.items()))
