"""The databases that the benchmarks compare: a SQLite file, and a PostgreSQL of its own."""

import tempfile
from collections.abc import Iterator

from service.db import Database
from service.db.migrate import upgrade
from tests.servers import Postgres, find_postgres


def databases() -> Iterator[tuple[str, Database]]:
    """Fresh, migrated databases with their names; each is gone when the next one comes."""
    with tempfile.TemporaryDirectory(prefix="subgrad-bench-") as folder:
        yield "SQLite", migrated(f"sqlite:///{folder}/subgrad.sqlite3")
    programs = find_postgres()
    if programs is not None:
        with Postgres.running(programs) as server:
            database = migrated(server.url)
            yield "PostgreSQL", database
            database.dispose()


def migrated(url: str) -> Database:
    """The database there, with all tables."""
    database = Database(url)
    upgrade(database)
    return database
