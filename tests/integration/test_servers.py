"""The servers that the tests start by themselves, by both ways of finding them."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis

from tests.servers import (
    Postgres,
    Redis,
    system_postgres,
    system_redis,
    wheel_postgres,
    wheel_redis,
)


def version_of(server: Postgres) -> str:
    with psycopg.connect(server.url) as connection:
        row = connection.execute("SELECT version()").fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize("find", [system_postgres, wheel_postgres])
def test_postgres_starts_from_these_programs(find: Callable[[], Path | None]) -> None:
    programs = find()
    if programs is None:
        pytest.skip(f"{find.__name__}: not on this machine")
    with Postgres.running(programs) as server:
        assert version_of(server).startswith("PostgreSQL")


@pytest.mark.parametrize("find", [system_redis, wheel_redis])
def test_redis_starts_from_these_programs(find: Callable[[], Path | None]) -> None:
    program = find()
    if program is None:
        pytest.skip(f"{find.__name__}: not on this machine")
    with Redis.running(program) as server, redis.Redis.from_url(server.url) as client:
        assert client.ping()


def test_postgres_keeps_its_port_and_data_over_a_crash() -> None:
    programs = wheel_postgres() or system_postgres()
    if programs is None:
        pytest.skip("no PostgreSQL")
    with Postgres.running(programs) as server:
        url = server.url
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        server.crash()
        server.start()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_postgres_dies_with_a_killed_test_run() -> None:
    if sys.platform != "linux" or (wheel_postgres() or system_postgres()) is None:
        pytest.skip("only Linux tells children of their parent's death")
    start = (
        "import sys; from tests.servers import *\n"
        "with Postgres.running(wheel_postgres() or system_postgres()) as server:\n"
        "    print(server.url, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", start], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        url = run.stdout.readline().strip()
        with psycopg.connect(url) as connection:
            os.kill(run.pid, signal.SIGKILL)
            # Ends when the server closes the connection by dying.
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT pg_sleep(60)")


def test_redis_dies_with_a_killed_test_run() -> None:
    if sys.platform != "linux" or (wheel_redis() or system_redis()) is None:
        pytest.skip("only Linux tells children of their parent's death")
    start = (
        "import sys; from tests.servers import *\n"
        "with Redis.running(wheel_redis() or system_redis()) as server:\n"
        "    print(server.url, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", start], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        url = run.stdout.readline().strip()
        with redis.Redis.from_url(url) as client:
            assert client.ping()
            os.kill(run.pid, signal.SIGKILL)
            # Blocks until the server closes the connection by dying.
            with pytest.raises(redis.ConnectionError):
                client.blpop(["never"])
