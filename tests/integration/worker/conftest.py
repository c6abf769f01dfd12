"""A running service for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.db import Database
from service.db.migrate import upgrade
from service.settings import Settings
from tests.servers import Postgres, Redis, find_postgres
from tests.stack import Stack


@pytest.fixture
def stack(settings: Settings) -> Iterator[Stack]:
    """The processes, none started yet; all of them end with the test."""
    stack = Stack(settings)
    yield stack
    stack.close()


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL of this test's own, migrated, to stop and start."""
    programs = find_postgres()
    if programs is None:
        pytest.skip("no PostgreSQL to stop and start")
    with Postgres.running(programs) as server:
        database = Database(server.url)
        upgrade(database)
        database.dispose()
        yield server


@pytest.fixture
def fragile(tmp_path: Path, sqlite_url: str, redis: Redis) -> Iterator[Stack]:
    """A service on that Redis."""
    stack = Stack(
        Settings(home=tmp_path, database_url=sqlite_url, broker_url=redis.url, republish_s=0.5)
    )
    yield stack
    stack.close()
