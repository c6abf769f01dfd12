"""Column types and clock expressions that mean the same on PostgreSQL and SQLite."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, Double, ScalarSelect, String, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

_SQLITE_FORM = "%Y-%m-%dT%H:%M:%f"

Json = JSON().with_variant(JSONB(), "postgresql")


class UtcTimestamp(TypeDecorator[datetime]):
    """An instant in UTC: timestamptz on PostgreSQL; on SQLite, which has no such type, text such
    as 2026-11-23T14:02:39.125Z, which sorts in time order."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        sqlite = dialect.name == "sqlite"
        return dialect.type_descriptor(String(24) if sqlite else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        text = value.astimezone(UTC).isoformat(timespec="milliseconds")
        return text.replace("+00:00", "Z")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(UTC)


class Measured(TypeDecorator[float]):
    """A float64 in which NaN and Inf are kept. SQLite turns a NaN into NULL, which would read as
    "not measured"; there it is stored as the text NaN, which a REAL column keeps as text."""

    impl = Double()
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        # Not process_bind_param: the float type behind it would turn the text into a NaN again.
        return _nan_as_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_result_value(self, value: Any, dialect: Dialect) -> float | None:
        return None if value is None else float(value)


def _nan_as_text(value: float | None) -> float | str | None:
    return "NaN" if value is not None and math.isnan(value) else value


class now(FunctionElement[datetime]):  # noqa: N801  (reads like SQL's own functions)
    """The database's clock at this statement (not at the start of the transaction)."""

    type = UtcTimestamp()
    inherit_cache = True


class now_plus(FunctionElement[datetime]):  # noqa: N801
    """The database's clock plus a number of seconds."""

    type = UtcTimestamp()
    inherit_cache = True


def now_once() -> ScalarSelect[datetime]:
    """The database's clock, read before the statement looks at rows: for finding rows by an index
    on a time, which PostgreSQL cannot do by a clock that moves while it looks."""
    return select(now()).scalar_subquery()


@compiles(now, "postgresql")
def _now_postgresql(element: now, compiler: SQLCompiler, **options: Any) -> str:
    return "clock_timestamp()"


@compiles(now, "sqlite")
def _now_sqlite(element: now, compiler: SQLCompiler, **options: Any) -> str:
    return f"strftime('{_SQLITE_FORM}Z', 'now')"


@compiles(now_plus, "postgresql")
def _now_plus_postgresql(element: now_plus, compiler: SQLCompiler, **options: Any) -> str:
    seconds = compiler.process(element.clauses, **options)
    return f"clock_timestamp() + make_interval(secs => CAST({seconds} AS double precision))"


@compiles(now_plus, "sqlite")
def _now_plus_sqlite(element: now_plus, compiler: SQLCompiler, **options: Any) -> str:
    seconds = compiler.process(element.clauses, **options)
    return f"strftime('{_SQLITE_FORM}Z', 'now', ({seconds}) || ' seconds')"
