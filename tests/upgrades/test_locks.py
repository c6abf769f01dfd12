"""A migration on PostgreSQL and somebody who uses the tables: the migration gives way."""

import threading
from collections.abc import Iterator

import pytest
from alembic import command
from sqlalchemy import text
from structlog.testing import capture_logs

from service.db import Database
from service.db.migrate import upgrade
from tests.migrations.schemas import run_command, schema
from tests.stack import wait_for
from tests.upgrades.release import releases


@pytest.fixture
def released(empty_postgresql_url: str) -> Iterator[Database]:
    """The database as the newest release left it."""
    database = Database(empty_postgresql_url)
    run_command(database, command.upgrade, releases()[0].schema)
    yield database
    database.dispose()


def test_a_reader_that_wants_what_the_migration_wants_gets_it(released: Database) -> None:
    """If each had what the other waits for, one of them would be ended."""
    migration = threading.Thread(target=upgrade, args=(released,))
    with capture_logs() as logged, released.engine.connect() as reader:
        reader.execute(text("SELECT count(*) FROM workers"))
        migration.start()
        wait_for(lambda: logged, what="the migration gives way")
        for table in schema(released):
            reader.execute(text(f"SELECT count(*) FROM {table}"))  # noqa: S608
        assert migration.is_alive()
    migration.join()
    # It has got through: a column of a later version is there.
    assert "owner" in {column["name"] for column in schema(released)["sweeps"]["columns"]}


def test_what_is_up_to_date_takes_nothing(released: Database) -> None:
    upgrade(released)
    with released.engine.connect() as reader:
        reader.execute(text("SELECT count(*) FROM jobs"))
        upgrade(released)
