"""Bringing the database to the newest schema."""

import argparse
import random
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import DDL, Connection, inspect, text
from sqlalchemy.exc import OperationalError

from service.db.engine import Database
from service.db.tables import Base
from service.settings import Settings

# Any constant: it keeps two processes from migrating one PostgreSQL database at the same time.
_LOCK = 7_366_242
# What PostgreSQL says where a table is in use; see `_take_every_table`.
_LOCK_NOT_AVAILABLE = "55P03"
_PATIENCE_S = 300.0

_log = structlog.get_logger(__name__)


def upgrade(database: Database) -> None:
    """Runs every migration that the database does not have yet, all or none, while others use the
    database. Safe to call from several processes at once: on PostgreSQL an advisory lock, on
    SQLite the write lock orders them.

    Raises OperationalError where tables stayed in use for five minutes.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            _upgrade(database)
            return
        except OperationalError as error:
            is_busy = getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE
            if not is_busy or time.monotonic() > deadline:
                raise
            _log.info("tables are in use, migrating in a moment")
        time.sleep(random.uniform(0.05, 0.5))  # noqa: S311  (nothing secret)


def downgrade(database: Database, revision: str) -> None:
    """Goes back to this revision, all of the way or none of it. Raises CommandError where there is
    no such revision, and RuntimeError where the older schema has no place for something."""
    with database.write_connection() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        command.downgrade(config(connection), revision)


def _upgrade(database: Database) -> None:
    with database.write_connection() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            if not _is_newest(connection):
                _take_every_table(connection)
        command.upgrade(config(connection), "head")


def _is_newest(connection: Connection) -> bool:
    heads = ScriptDirectory.from_config(config(connection)).get_heads()
    return set(MigrationContext.configure(connection).get_current_heads()) == set(heads)


def _take_every_table(connection: Connection) -> None:
    """All at once or, where somebody uses one, none. A migration that waits for a table while it
    has others stops everybody who wants those, and one of them may be whom it waits for. One that
    never waits can be part of no deadlock, and the service waits for it for a moment at most."""
    quoted = connection.dialect.identifier_preparer.quote
    tables = ", ".join(map(quoted, inspect(connection).get_table_names()))
    if tables:
        # Names cannot be parameters; these are the database's own, quoted by its dialect.
        lock = "LOCK TABLE %(tables)s IN ACCESS EXCLUSIVE MODE NOWAIT"
        connection.execute(DDL(lock, context={"tables": tables}))  # type: ignore[no-untyped-call]


def is_migrated(database: Database) -> bool:
    """Whether the database has every table of this version."""
    return set(Base.metadata.tables) <= set(inspect(database.engine).get_table_names())


def newest_revision() -> tuple[str, set[str]]:
    """The newest revision of this version, and all that it knows."""
    scripts = ScriptDirectory.from_config(_settings())
    known = {one.revision for one in scripts.walk_revisions()}
    return scripts.get_heads()[0], known


def present_revision(database: Database) -> str | None:
    """The revision that the database is at; None: it has none of our tables."""
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def config(connection: Connection) -> Config:
    """Alembic's configuration for this connection."""
    settings = _settings()
    settings.attributes["connection"] = connection
    return settings


def _settings() -> Config:
    spec = find_spec("migrations")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package `migrations` is not installed; run `make install`")
    settings = Config()
    settings.set_main_option("script_location", str(Path(spec.origin).parent))
    return settings


def is_of(dialect: str, of_table: Any, *_: object) -> bool:
    """Whether a database of this kind is meant to have this table, column or constraint. Alembic
    asks (its `include_object`), as it does not know SQLAlchemy's `ddl_if`."""
    return bool(of_table.info.get("only", dialect) == dialect)


def main() -> None:
    """`python -m service.db.migrate`: brings the database of the settings up to date, or, with
    `--down REVISION`, back to an earlier revision."""
    parser = argparse.ArgumentParser(prog="python -m service.db.migrate", description=main.__doc__)
    parser.add_argument("--down", metavar="REVISION", help="such as 0006, or base: no table at all")
    down: str | None = parser.parse_args().down
    database = Database(Settings().resolved_database_url)
    try:
        upgrade(database) if down is None else downgrade(database, down)
    except (CommandError, RuntimeError) as error:
        sys.exit(str(error))
    finally:
        database.dispose()


if __name__ == "__main__":
    main()
