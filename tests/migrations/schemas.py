"""Databases without any table, and what the tables of one are."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect

from service.db import Database
from service.db.migrate import config

Schema = dict[str, dict[str, Any]]
"""What a database tells about each of its tables."""


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind without any table."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/empty.sqlite3"
    url: str = request.getfixturevalue("empty_postgresql_url")
    return url


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    database = Database(empty_url)
    yield database
    database.dispose()


def run_command(database: Database, run: Callable[..., None], *arguments: str) -> None:
    with database.write_connection() as connection:
        run(config(connection), *arguments)


def schema(database: Database) -> Schema:
    """Everything that the database itself tells about the tables."""
    with database.engine.connect() as connection:
        seen = inspect(connection)
        return {
            table: {
                "columns": [{**c, "type": repr(c["type"])} for c in seen.get_columns(table)],
                "primary key": seen.get_pk_constraint(table),
                "foreign keys": seen.get_foreign_keys(table),
                "unique": seen.get_unique_constraints(table),
                "checks": seen.get_check_constraints(table),
                "indexes": sorted(
                    (_comparable(index) for index in seen.get_indexes(table)),
                    key=lambda index: str(index["name"]),
                ),
            }
            for table in seen.get_table_names()
            if table != "alembic_version"
        }


def _comparable(index: Any) -> dict[str, Any]:
    """Conditions of partial indexes as text, which equals itself."""
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return {**index, "dialect_options": options}
