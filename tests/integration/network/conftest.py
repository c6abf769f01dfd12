"""The service on several addresses, each in a room of a network that can be cut."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.db import Database
from service.db.migrate import upgrade
from service.settings import Settings
from tests.conftest import new_database
from tests.integration.network.site import CORE, FRONT, LEFT, RIGHT, Site
from tests.servers import Impossible, Network, Postgres, Redis, find_postgres, find_redis


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    """Servers in one room, the API and dispatch in another, workers in two more."""
    try:
        with Network.running(CORE, FRONT, LEFT, RIGHT) as network:
            yield network
    except Impossible as reason:
        pytest.skip(f"NO NETWORK TO CUT HERE: {reason}")


@pytest.fixture(scope="module")
def postgres(network: Network) -> Iterator[Postgres]:
    programs = find_postgres()
    if programs is None:
        pytest.skip("no PostgreSQL to listen on another address")
    with (
        network.inside(CORE),
        Postgres.running(programs, network.address(CORE)) as server,
    ):
        yield server


@pytest.fixture(scope="module")
def redis(network: Network) -> Iterator[Redis]:
    program = find_redis()
    if program is None:
        pytest.skip("no Redis to listen on another address")
    with network.inside(CORE), Redis.running(program, network.address(CORE)) as server:
        yield server


@pytest.fixture
def site(tmp_path: Path, network: Network, postgres: Postgres, redis: Redis) -> Iterator[Site]:
    """None of its processes started yet; all of them end with the test."""
    with network.inside(CORE), new_database(postgres.url) as (_, url):
        database = Database(url)
        upgrade(database)
        database.dispose()
        settings = Settings(
            home=tmp_path,
            database_url=url,
            broker_url=redis.url,
            queue=tmp_path.name,
            lease_s=3.0,
            republish_s=1.0,
        )
        with (tmp_path / "log").open("wb") as log:
            site = Site(network, settings, log, postgres.port, redis.port)
            try:
                yield site
            finally:
                site.close()
