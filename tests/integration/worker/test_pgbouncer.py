"""PgBouncer in transaction mode between the service and PostgreSQL: the URL says so, and nothing
else does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from service.db import Database
from service.db.migrate import is_migrated, upgrade
from service.db.sessions import is_pooled
from service.settings import Settings
from tests.integration.worker.checking import assert_undisturbed, some_specs
from tests.servers import PgBouncer, system_pgbouncer
from tests.stack import Stack, digits_spec, slow_spec, wait_for

POOL = 5
_TIMEOUT = "SHOW idle_in_transaction_session_timeout"


@pytest.fixture
def pooler(postgres_url: str) -> Iterator[PgBouncer]:
    program = system_pgbouncer()
    if program is None:
        pytest.skip("NO PGBOUNCER FOUND: install the system's package pgbouncer")
    with PgBouncer.before(postgres_url, program=program, pool_size=POOL) as server:
        yield server


@pytest.fixture
def narrow(postgresql_url: str, pooler: PgBouncer) -> Iterator[Database]:
    """A database behind it."""
    database = Database(pooler.url_of(postgresql_url))
    yield database
    database.dispose()


def _scalar(url: str, query: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    return row and row[0]


def test_jobs_and_a_sweep_run_through_a_small_pool_and_survive_its_death(
    tmp_path: Path, postgresql_url: str, broker_url: str, pooler: PgBouncer
) -> None:
    settings = Settings(
        home=tmp_path,
        database_url=pooler.url_of(postgresql_url),
        broker_url=broker_url,
        worker_slots=2,
        republish_s=1.0,
    )
    stack = Stack(settings)
    try:
        worker = stack.start_all()
        made = [stack.post(spec) for spec in some_specs(4)]
        sweep = {"base": digits_spec(epochs=5), "axes": {"seed": {"range": 20}}}
        sweep_id = stack.http.post("/v1/sweeps", json=sweep).raise_for_status().json()["id"]
        made.append(stack.post(slow_spec(epochs=80)))
        stack.wait_for_epoch(made[-1], 2)
        mine = f"datname = '{postgresql_url.rpartition('/')[2]}' AND pid <> pg_backend_pid()"
        count = f"SELECT count(*) FROM pg_stat_activity WHERE {mine}"  # noqa: S608
        assert 0 < _scalar(postgresql_url, count) <= POOL
        pooler.kill()
        pooler.start()
        wait_for(lambda: stack.http.get("/readyz").is_success, what="everything is back")
        made.append(stack.post(digits_spec(seed=9)))
        for job_id in made:
            assert stack.ended(job_id)["attempt"] == 1
        listed = stack.http.get("/v1/jobs", params={"sweep_id": sweep_id, "limit": 100})
        members = [job["id"] for job in listed.raise_for_status().json()["data"]]
        assert len(members) == 20
        for job_id in members:
            assert stack.ended(job_id)["status"] == "succeeded"
        assert worker.poll() is None
        # Read directly: what was written through the pooler.
        direct = stack.settings.model_copy(update={"database_url": postgresql_url})
        assert_undisturbed(direct, made + members)
    finally:
        stack.close()


def test_migrations_go_through_it(empty_postgresql_url: str, pooler: PgBouncer) -> None:
    database = Database(pooler.url_of(empty_postgresql_url))
    upgrade(database)
    upgrade(database)
    assert is_migrated(database)
    database.dispose()


def test_idle_transactions_are_bounded_and_nobody_elses(
    narrow: Database, postgresql_url: str
) -> None:
    for transaction in (narrow.reading, narrow.writing):
        with transaction() as session:
            assert is_pooled(session.connection())
            assert session.scalar(text(_TIMEOUT)) == "15s"
    url = narrow.engine.url.set(drivername="postgresql").render_as_string()
    for _ in range(2 * POOL):
        assert _scalar(url, _TIMEOUT) == _scalar(postgresql_url, _TIMEOUT)


def test_a_direct_connection_is_no_pooled_one(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    for _ in range(2):
        with database.writing() as session:
            assert not is_pooled(session.connection())
            assert session.scalar(text(_TIMEOUT)) == "15s"
    database.dispose()


def test_statements_that_are_repeated_need_not_be_remembered(narrow: Database) -> None:
    """More clients than server connections, each again and again with the same statement: what one
    had prepared another would find, or would not find again."""
    open_at_once = [narrow.engine.connect() for _ in range(2 * POOL)]
    for _ in range(20):
        for connection in open_at_once:
            with connection.begin():
                assert connection.scalar(text("SELECT :n + 1"), {"n": 1}) == 2
    for connection in open_at_once:
        connection.close()
