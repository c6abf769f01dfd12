"""INSERT … ON CONFLICT, which both databases spell alike and SQLAlchemy keeps per dialect."""

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from service.db.tables import Base

Rows = Sequence[dict[str, Any]]


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
    """Inserts the rows; a row whose key is taken replaces the old one."""
    if not rows:
        return
    table = cast(Table, model.__table__)
    keys = [column.name for column in table.primary_key]
    statement = _insert(session, model)
    new = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys}
    session.execute(statement.on_conflict_do_update(index_elements=keys, set_=new), list(rows))


def _insert(session: Session, model: type[Base]) -> Any:
    dialect = session.get_bind().dialect.name
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(cast(Table, model.__table__))
