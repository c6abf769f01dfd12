"""Bringing the database to the newest schema."""

from importlib.util import find_spec
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect, text

from service.db.engine import Database
from service.db.tables import Base
from service.settings import Settings

# Any constant: it keeps two processes from migrating one PostgreSQL database at the same time.
_LOCK = 7_366_242


def upgrade(database: Database) -> None:
    """Runs every migration that the database does not have yet. Safe to call from several
    processes at once: on PostgreSQL an advisory lock, on SQLite the write lock orders them."""
    with database.write_connection() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        command.upgrade(config(connection), "head")


def is_migrated(database: Database) -> bool:
    """Whether the database has every table of this version."""
    return set(Base.metadata.tables) <= set(inspect(database.engine).get_table_names())


def config(connection: Connection) -> Config:
    """Alembic's configuration for this connection."""
    spec = find_spec("migrations")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package `migrations` is not installed; run `make install`")
    settings = Config()
    settings.set_main_option("script_location", str(Path(spec.origin).parent))
    settings.attributes["connection"] = connection
    return settings


def main() -> None:
    """`python -m service.db.migrate`: brings the database of the settings up to date."""
    database = Database(Settings().resolved_database_url)
    upgrade(database)
    database.dispose()


if __name__ == "__main__":
    main()
