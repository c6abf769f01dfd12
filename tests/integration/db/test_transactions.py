"""The connection: what a transaction promises, and what time it is."""

import multiprocessing
import multiprocessing.synchronize
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import psycopg
import pytest
from sqlalchemy import text

from service.db import UNAVAILABLE, Database, jobs
from service.db.jobs import JobFilter
from tests.integration.db.record import (
    epoch,
    find,
    finish,
    hand_back,
    history,
    queue,
    record,
    rows,
    running,
    take,
)
from tests.specs import job_spec


def submit_and_fail(database: Database) -> None:
    with database.writing() as session:
        jobs.submit(session, job_spec(), [])
        raise ZeroDivisionError


def test_a_failed_block_leaves_nothing_behind(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        submit_and_fail(database)
    tables = ("jobs", "outbox", "job_statuses")
    counts = [rows(database, f"SELECT count(*) FROM {table}") for table in tables]  # noqa: S608
    assert counts == [[(0,)]] * 3


def test_after_a_failure_the_connection_serves_again(database: Database) -> None:
    for _ in range(50):
        with pytest.raises(ZeroDivisionError):
            submit_and_fail(database)
    assert find(database, queue(database))


def test_a_reader_does_not_see_what_is_not_committed(database: Database) -> None:
    with database.writing() as session:
        jobs.submit(session, job_spec(), [])
        with database.reading() as other:
            assert jobs.list_newest_first(other, JobFilter(), before_id=None, limit=10) == []


def test_the_database_answers_a_ping(database: Database) -> None:
    database.ping()


def test_times_are_in_utc_and_in_order(database: Database) -> None:
    began = datetime.now(UTC) - timedelta(milliseconds=2)
    job_id, held = running(database)
    finish(database, held)
    job = find(database, job_id)
    assert job.started_at is not None
    assert job.finished_at is not None
    moments = [began, job.created_at, job.started_at, job.finished_at]
    moments.append(datetime.now(UTC) + timedelta(milliseconds=2))
    assert moments == sorted(moments)
    assert all(moment.utcoffset() == timedelta(0) for moment in moments)


def test_the_history_is_in_order_of_time(database: Database) -> None:
    job_id = queue(database)
    for _ in range(5):
        hand_back(database, take(database, job_id))
    times = [change.at for change in history(database, job_id)]
    assert times == sorted(times)
    assert [change.seq for change in history(database, job_id)] == list(range(1, 12))


def test_many_threads_write_and_read_sqlite_without_a_lock_error(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    together = Barrier(8)

    def work(worker: int) -> None:
        together.wait()
        for number in range(15):
            job_id, held = running(database, seed=worker * 1000 + number)
            record(database, held, epoch(job_id, 0))
            assert find(database, job_id).summary is not None
            finish(database, held)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert rows(database, "SELECT count(*) FROM jobs WHERE status = 'succeeded'") == [(120,)]
    database.dispose()


def _submit_ten(url: str, together: multiprocessing.synchronize.Barrier) -> None:
    database = Database(url)
    together.wait()
    for _ in range(10):
        queue(database)
    database.dispose()


def test_several_processes_write_one_sqlite_file(sqlite_url: str) -> None:
    spawning = multiprocessing.get_context("spawn")
    together = spawning.Barrier(3)
    children = [spawning.Process(target=_submit_ten, args=(sqlite_url, together)) for _ in "abc"]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0, 0]
    database = Database(sqlite_url)
    assert rows(database, "SELECT count(*) FROM jobs") == [(30,)]
    database.dispose()


def test_opening_a_new_sqlite_file_waits_for_whoever_writes_it(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/new.sqlite3")
    writer = sqlite3.connect(tmp_path / "new.sqlite3", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(database.ping)
        with pytest.raises(TimeoutError):
            opening.result(timeout=0.05)
        writer.execute("COMMIT")
        opening.result()
    writer.close()
    database.dispose()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mysql://localhost/x", "postgresql or sqlite"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
    ],
)
def test_a_database_that_cannot_serve_is_refused_by_name(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"SUBGRAD_DATABASE_URL.*{reason}"):
        Database(url)


def test_the_folder_of_a_sqlite_file_is_made(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/deep/er/subgrad.sqlite3")
    database.ping()
    database.dispose()


def test_an_unreachable_server_is_an_error_and_no_hang() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(Exception, match="refused"):
        database.ping()
    database.dispose()


_SETTINGS = {
    "idle_in_transaction_session_timeout": "15s",
    "jit": "off",
    "tcp_user_timeout": "10000",  # ms
    "tcp_keepalives_idle": "5",  # s
}


def test_postgresql_is_told_what_holds_for_each_session(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    with database.reading() as session:
        found = {name: session.scalar(text(f"SHOW {name}")) for name in _SETTINGS}
    database.dispose()
    assert found == _SETTINGS


def test_connections_that_the_server_closed_a_moment_ago_are_not_used(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: queue(database), range(8)))
    with psycopg.connect(postgresql_url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert find(database, queue(database))
    database.dispose()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    """A file with one table, and nothing else that writes."""
    database = Database(f"sqlite:///{tmp_path}/turns.sqlite3")
    with database.writing() as session:
        session.execute(text("CREATE TABLE turns (who TEXT)"))
    yield database
    database.dispose()


def test_on_sqlite_a_writer_that_waits_looks_often_itself(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's own waiting would not look before 100 ms in the end. Here the lock becomes free in
    the third pause, and the next look has it."""
    holder = sqlite3.connect(str(sqlite.engine.url.database), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            holder.execute("COMMIT")

    monkeypatch.setattr("service.db.engine.time.sleep", pause)
    with sqlite.writing() as session:
        session.execute(text("INSERT INTO turns VALUES ('next')"))
    assert pauses == [0.002] * 3
    holder.close()


def test_on_sqlite_a_lock_that_is_never_given_back_is_an_unavailable_database(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.db.engine._SQLITE_TIMEOUT_S", 0.1)
    monkeypatch.setattr("service.db.engine._SQLITE_WAITS", "PRAGMA busy_timeout = 100")
    turn = text("INSERT INTO turns VALUES ('mine')")
    with sqlite.writing() as holder:
        holder.execute(turn)
        with pytest.raises(UNAVAILABLE, match="locked"), sqlite.writing() as other:
            other.execute(turn)
    with sqlite.writing() as session:
        session.execute(turn)
