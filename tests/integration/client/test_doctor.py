"""`subgrad doctor`: each thing broken for real is found, and told what to do about it."""

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command

from service.db import Database, keys, reports
from service.db.migrate import config
from service.db.reports import Process
from service.domain.access import Scope
from service.settings import Settings
from tests.conftest import new_database
from tests.integration.client.commands import PROGRAM, is_readable
from tests.integration.worker.checking import fault
from tests.servers import free_port
from tests.stack import Stack

Told = dict[str, list[dict[str, Any]]]


def examine(settings: Settings, *options: str, **environment: str) -> tuple[int, Told]:
    """Exit code, and what was found of each thing."""
    done = subprocess.run(
        [*PROGRAM, "doctor", "--json", *options],
        env=settings.as_environment() | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    found: Told = {}
    for one in json.loads(done.stdout):
        found.setdefault(one["check"], []).append(one)
        assert one["advice"] or one["verdict"] in ("ok", "unknown")
    return done.returncode, found


def verdicts(found: Told) -> dict[str, set[str]]:
    return {check: {one["verdict"] for one in some} for check, some in found.items()}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Which database it is does not matter to most of them."""
    return sqlite_url


@pytest.fixture
def alone(settings: Settings) -> Settings:
    """Database and broker are there, and nobody else."""
    return settings.model_copy(update={"port": free_port()})


@pytest.fixture
def lively(alone: Settings) -> Settings:
    """The same, and processes that have told of themselves."""
    hear(alone)
    return alone


def hear(settings: Settings, version: str = "0.1.0") -> None:
    database = Database(settings.resolved_database_url)
    with database.writing() as session:
        for prefix, kind in (("wrk", "worker"), ("dsp", "dispatch")):
            process = Process(id=f"{prefix}_{version}", kind=kind, host="here", version=version)
            reports.keep(session, process, [])
    database.dispose()


@pytest.fixture
def whole(settings: Settings) -> Iterator[Stack]:
    stack = Stack(settings)
    stack.start_all()
    yield stack
    stack.close()


def test_of_a_service_that_is_well_everything_is_well_here_and_from_outside(whole: Stack) -> None:
    # Which no test of ours decides.
    elsewhere = {"disk", "devices", "compiler"}
    code, found = examine(whole.settings)
    assert set(found) == {
        *("database", "writing", "dispatch", "worker", "devices", "clock"),
        *("broker", "api", "compiler", "disk"),
    }
    assert {c: v for c, v in verdicts(found).items() if c not in elsewhere} == {
        key: {"ok"} for key in set(found) - elsewhere
    }
    assert code == int(any("failed" in v for v in verdicts(found).values()))
    outside = Settings(home=whole.settings.home / "elsewhere", url=str(whole.http.base_url))
    code, seen = examine(outside)
    assert code == 0
    assert {c: v for c, v in verdicts(seen).items() if c != "disk"} == {
        key: {"ok"}
        for key in ("service", "version", "database", "broker", "worker", "access", "clock")
    }
    assert verdicts(seen)["disk"] == {"unknown"}
    whole.stop("workers")
    code, seen = examine(outside)
    assert (code, verdicts(seen)["worker"]) == (1, {"failed"})
    assert "python -m workers" in seen["worker"][0]["advice"]


def test_where_nothing_was_ever_started_it_makes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    code, found = examine(Settings(home=home, port=free_port()))
    assert code == 1
    assert verdicts(found)["database"] == verdicts(found)["broker"] == {"failed"}
    assert "subgrad up" in found["database"][0]["advice"]
    assert not home.exists()


@pytest.mark.parametrize(
    "url", ["postgresql://nobody@127.0.0.1:1/nothing", "mysql://here/x", "sqlite:///{broken}"]
)
def test_a_database_that_cannot_be_used(alone: Settings, tmp_path: Path, url: str) -> None:
    broken = tmp_path / "broken.sqlite3"
    broken.write_bytes(b"this is no database" * 100)
    given = alone.model_copy(update={"database_url": url.format(broken=broken)})
    code, found = examine(given)
    assert (code, verdicts(found)["database"]) == (1, {"failed"})
    assert "SUBGRAD_DATABASE_URL" in found["database"][0]["advice"]
    # The rest is examined all the same.
    assert verdicts(found)["broker"] == {"ok"}


def test_a_schema_of_another_version(lively: Settings, empty_postgresql_url: str) -> None:
    database = Database(lively.resolved_database_url)
    with database.write_connection() as connection:
        command.downgrade(config(connection), "0012")
    code, found = examine(lively)
    assert (code, verdicts(found)["database"]) == (1, {"failed"})
    assert "python -m service.db.migrate" in found["database"][0]["advice"]
    with database.write_connection() as connection:
        command.upgrade(config(connection), "head")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.dispose()
    hear(lively)
    code, found = examine(lively)
    assert (code, verdicts(found)["database"]) == (0, {"warning"})
    empty = lively.model_copy(update={"database_url": empty_postgresql_url})
    code, found = examine(empty)
    assert (code, verdicts(found)["database"]) == (1, {"failed"})


def test_a_database_that_takes_no_row(
    alone: Settings, postgres_url: str, postgres_template: str
) -> None:
    with new_database(postgres_url, postgres_template) as (name, url):
        database = Database(url)
        with database.write_connection() as connection:
            quoted = connection.dialect.identifier_preparer.quote(name)
            connection.exec_driver_sql(
                f"ALTER DATABASE {quoted} SET default_transaction_read_only = on"
            )
        database.dispose()
        code, found = examine(alone.model_copy(update={"database_url": url}))
    assert (code, verdicts(found)["writing"]) == (1, {"failed"})
    assert "read-only" in found["writing"][0]["detail"]


def test_examining_leaves_no_row(lively: Settings, tmp_path: Path) -> None:
    examine(lively)
    with sqlite3.connect(tmp_path / "subgrad.sqlite3") as connection:
        found = connection.execute("SELECT id FROM process_reports ORDER BY id").fetchall()
    connection.close()
    assert found == [("dsp_0.1.0",), ("wrk_0.1.0",)]


def test_a_broker_that_is_away(lively: Settings) -> None:
    given = lively.model_copy(update={"broker_url": "redis://127.0.0.1:1/0"})
    code, found = examine(given)
    assert (code, verdicts(found)["broker"]) == (1, {"failed"})
    assert "SUBGRAD_BROKER_URL" in found["broker"][0]["advice"]


def test_nobody_who_announces_or_trains(alone: Settings) -> None:
    code, found = examine(alone)
    assert code == 1
    assert verdicts(found)["dispatch"] == verdicts(found)["worker"] == {"failed"}
    assert "python -m service.dispatch" in found["dispatch"][0]["advice"]


def test_a_worker_that_was_heard_of_long_ago(lively: Settings, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "subgrad.sqlite3") as connection:
        connection.execute("UPDATE process_reports SET seen_at = '2026-01-01T00:00:00.000Z'")
    connection.close()
    code, found = examine(lively)
    assert (code, verdicts(found)["worker"]) == (1, {"failed"})


def test_processes_of_another_version(lively: Settings) -> None:
    hear(lively, version="9.9.9")
    code, found = examine(lively)
    assert code == 0
    assert "warning" in verdicts(found)["worker"] & verdicts(found)["dispatch"]
    assert "9.9.9" in found["worker"][0]["detail"]


def test_a_clock_that_is_wrong(lively: Settings) -> None:
    code, found = examine(lively, **fault("clock_is_wrong"))
    assert (code, verdicts(found)["clock"]) == (1, {"failed"})
    assert "600.0 s ahead of the database's" in found["clock"][0]["detail"]
    assert "NTP" in found["clock"][0]["advice"]


def test_a_driver_that_does_not_answer_and_gpus_that_nobody_uses(
    lively: Settings, tmp_path: Path
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nexit 9\n")
    program.chmod(0o755)
    code, found = examine(lively, PATH=f"{tmp_path}:/usr/bin:/bin")
    assert (code, verdicts(found)["devices"]) == (1, {"failed"})
    program.write_text("#!/bin/sh\necho GPU-1\n")
    code, found = examine(lively, PATH=f"{tmp_path}:/usr/bin:/bin")
    assert (code, verdicts(found)["devices"]) == (0, {"warning"})


def test_a_full_disk(lively: Settings) -> None:
    small = Path("/dev/shm")  # noqa: S108  (a file system that can be seen to be full)
    if not small.is_dir():
        pytest.skip("no small file system here")
    free = shutil.disk_usage(small).free
    _code, found = examine(lively.model_copy(update={"home": small}))
    expected = "failed" if free < 256 << 20 else "warning" if free < 2 << 30 else "ok"
    assert verdicts(found)["disk"] == {expected}
    assert f"{free / (1 << 30):,.1f} GiB" in found["disk"][0]["detail"]


def test_no_service_at_the_url(tmp_path: Path) -> None:
    code, found = examine(Settings(home=tmp_path, url=f"http://127.0.0.1:{free_port()}"))
    assert (code, verdicts(found)) == (1, {"service": {"failed"}})


def test_a_service_that_wants_a_key(whole: Stack) -> None:
    database = Database(whole.settings.resolved_database_url)
    with database.writing() as session:
        _, token = keys.create(session, name="ada", scopes=[Scope.READ], owner="ada")
    database.dispose()
    outside = Settings(home=whole.settings.home / "elsewhere", url=str(whole.http.base_url))
    code, found = examine(outside.model_copy(update={"api_key": "sgk_wrong"}))
    assert (code, verdicts(found)["access"]) == (1, {"failed"})
    code, found = examine(outside, "--api-key", token)
    assert (code, found["access"][0]["detail"]) == (0, "as ada, may read")


def test_for_people_it_is_readable(alone: Settings) -> None:
    done = subprocess.run(
        [*PROGRAM, "doctor"],
        env=alone.as_environment() | {"COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert is_readable(done.stdout)
    lines = done.stdout.splitlines()
    assert any(line.startswith("ok   database: ") for line in lines)
    place = next(i for i, line in enumerate(lines) if line.startswith("FAIL worker: "))
    assert any("python -m workers" in line for line in lines[place : place + 4])
