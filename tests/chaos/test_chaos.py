"""kill -9 at random moments, on both ways of running the service. `make chaos` is the long form."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.db import Database
from service.settings import Settings
from tests.chaos.breaking import Chaos
from tests.chaos.invariants import check

JOBS, KILLS = 8, 6


@contextmanager
def chaos(settings: Settings, seed: int) -> Iterator[Chaos]:
    chaos = Chaos(settings, seed=seed)
    yield chaos
    chaos.close()


@pytest.fixture
def compose(tmp_path: Path, postgresql_url: str, broker_url: str) -> Settings:
    """As in production: PostgreSQL and Redis."""
    return Settings(home=tmp_path, database_url=postgresql_url, broker_url=broker_url)


@pytest.fixture
def embedded(tmp_path: Path, sqlite_url: str) -> Settings:
    """As on a bare machine: SQLite and a broker of our own."""
    return Settings(home=tmp_path, database_url=sqlite_url)


@pytest.mark.parametrize(("way", "seed"), [("compose", 1), ("embedded", 2)])
def test_kills_at_random_moments_lose_nothing_and_change_no_number(
    request: pytest.FixtureRequest, way: str, seed: int
) -> None:
    settings: Settings = request.getfixturevalue(way)
    with chaos(settings, seed) as run:
        tally = run.run(jobs=JOBS, kills=KILLS)
    database = Database(settings.resolved_database_url)
    ends = check(database, tally.accepted)
    database.dispose()
    assert sum(ends.values()) == JOBS
    assert tally.kills.total() > 0
    assert tally.died == []
