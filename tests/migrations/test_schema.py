"""The migrations make exactly the tables that the models declare, on both databases."""

import math
import multiprocessing
import multiprocessing.synchronize
import os
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Table, column, insert, select, table

from service.db import Database
from service.db.migrate import is_of, newest_revision, present_revision, upgrade
from service.db.tables import Base, CoarseRollupRow, EpochRow, JobRow, RollupRow, WeightsRow
from tests.migrations.schemas import run_command, schema


def test_there_is_one_line_of_migrations() -> None:
    script = Config()
    script.set_main_option("script_location", "migrations")
    directory = ScriptDirectory.from_config(script)
    assert len(directory.get_heads()) == 1
    assert len(directory.get_bases()) == 1


def test_alembic_finds_nothing_to_add(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "compare_server_default": True,
                "include_object": partial(is_of, connection.dialect.name),
            },
        )
        assert compare_metadata(context, Base.metadata) == []


def test_migrated_and_declared_tables_are_the_same_to_the_database(empty: Database) -> None:
    upgrade(empty)
    migrated = schema(empty)
    run_command(empty, command.downgrade, "base")
    with empty.write_connection() as connection:
        Base.metadata.create_all(connection)
    assert migrated == schema(empty)


def test_upgrading_twice_changes_nothing(empty: Database) -> None:
    upgrade(empty)
    once = schema(empty)
    upgrade(empty)
    assert schema(empty) == once


def test_downgrading_leaves_nothing_and_upgrading_brings_it_back(empty: Database) -> None:
    upgrade(empty)
    before = schema(empty)
    run_command(empty, command.downgrade, "base")
    assert schema(empty) == {}
    upgrade(empty)
    assert schema(empty) == before


def test_epochs_measured_before_the_optimum_was_known_are_kept(empty: Database) -> None:
    """0002 adds two columns, up and down, without touching the others."""
    jobs, epochs = (cast(Table, row.__table__) for row in (JobRow, EpochRow))
    # The table as it was then: later migrations gave it more columns.
    old_jobs = table("jobs", *(column(name, jobs.c[name].type) for name in job_values()))
    run_command(empty, command.upgrade, "0001")
    with empty.write_connection() as connection:
        connection.execute(insert(old_jobs).values(job_values()))
        measured = {"job_id": "job_1", "epoch": 0, "attempt": 1, "train_loss": math.nan}
        connection.execute(insert(epochs).values(measured))
    for revision in ("head", "0001", "head"):
        move = command.downgrade if revision == "0001" else command.upgrade
        run_command(empty, move, revision)
        with empty.engine.connect() as connection:
            loss = connection.execute(select(epochs.c.train_loss)).scalar_one()
        assert math.isnan(loss)
    with empty.engine.connect() as connection:
        added = connection.execute(select(epochs.c.optimality_gap, epochs.c.weight_distance)).one()
    assert tuple(added) == (None, None)


def job_values() -> dict[str, Any]:
    return {
        "id": "job_1",
        "spec": {},
        "warnings": [],
        "activation": "relu",
        "cohort_key": "k",
        "epochs": 3,
        "status": "running",
        "attempt": 1,
        "losses": 0,
        "status_seq": 1,
        "created_at": datetime.now(UTC),
    }


def test_roll_ups_of_100_epochs_are_joined_to_coarser_ones(empty: Database) -> None:
    """0012 makes those of 1,000 and 10,000 epochs, of buckets that are full."""
    jobs, finer, coarse = (
        cast(Table, row.__table__) for row in (JobRow, RollupRow, CoarseRollupRow)
    )
    old_jobs = table("jobs", *(column(name, jobs.c[name].type) for name in job_values()))
    losses = [math.nan if bucket == 7 else float(bucket) for bucket in range(123)]
    series = {"epoch": [float(bucket) for bucket in range(123)], "train_loss": losses}
    run_command(empty, command.upgrade, "0011")
    with empty.write_connection() as connection:
        connection.execute(insert(old_jobs).values(job_values()))
        for quantity, values in series.items():
            rows = [("job_1", quantity, n, 1, v, v + 0.5) for n, v in enumerate(values)]
            names = [one.name for one in finer.columns]
            connection.execute(insert(finer), [dict(zip(names, row, strict=True)) for row in rows])
    run_command(empty, command.upgrade, "0012")
    query = (
        select(coarse.c.size, coarse.c.bucket, coarse.c.minimum, coarse.c.maximum)
        .where(coarse.c.quantity == "train_loss")
        .order_by(coarse.c.size, coarse.c.bucket)
    )
    with empty.engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(query)]
    tens = [(1000, n, 10.0 * n, 10 * n + 9.5) for n in range(1, 12)]
    nan = (math.nan, math.nan)
    assert repr(found) == repr([(1000, 0, *nan), *tens, (10_000, 0, *nan)])


def test_the_way_back_is_barred_while_bytes_lie_in_a_store(empty: Database) -> None:
    """0016: the older version would answer with empty weights."""
    upgrade(empty)
    jobs, weights = (cast(Table, row.__table__) for row in (JobRow, WeightsRow))
    row = {"job_id": "job_1", "attempt": 1, "payload": b""}
    with empty.write_connection() as connection:
        connection.execute(insert(jobs).values(job_values()))
        connection.execute(insert(weights).values(row))
    with pytest.raises(RuntimeError, match=r"1 rows .* Bring them back: subgrad artifacts move"):
        run_command(empty, command.downgrade, "0013")
    assert "artifacts" in schema(empty)
    with empty.write_connection() as connection:
        connection.execute(weights.update().values(payload=b"here"))
    run_command(empty, command.downgrade, "0013")
    assert "artifacts" not in schema(empty)


def test_a_failed_migration_leaves_nothing(empty: Database) -> None:
    with empty.write_connection() as connection:
        connection.exec_driver_sql("CREATE TABLE unit_activity (in_the_way INTEGER)")
    with pytest.raises(Exception, match="already exists"):
        upgrade(empty)
    assert set(schema(empty)) == {"unit_activity"}


def _upgrade(url: str, together: multiprocessing.synchronize.Barrier) -> None:
    database = Database(url)
    together.wait()
    upgrade(database)
    database.dispose()


def test_two_processes_may_upgrade_at_once(empty_url: str, empty: Database) -> None:
    spawning = multiprocessing.get_context("spawn")
    together = spawning.Barrier(2)
    children = [spawning.Process(target=_upgrade, args=(empty_url, together)) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0]
    assert set(schema(empty)) == set(Base.metadata.tables)


def test_alembics_own_command_line_migrates_the_database_of_the_settings(
    empty_url: str, empty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUBGRAD_DATABASE_URL", empty_url)
    command.upgrade(Config("alembic.ini"), "head")
    assert set(schema(empty)) == set(Base.metadata.tables)


def migrate(database: Database, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """As an operator would, in a process of its own."""
    url = database.engine.url.render_as_string(hide_password=False)
    return subprocess.run(
        [sys.executable, "-m", "service.db.migrate", *arguments],
        env=os.environ | {"SUBGRAD_DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_way_there_and_back_by_the_command(empty: Database) -> None:
    assert migrate(empty).returncode == 0
    newest = schema(empty)
    assert migrate(empty, "--down", "0006").returncode == 0
    assert present_revision(empty) == "0006"
    assert migrate(empty, "--down", "base").returncode == 0
    assert present_revision(empty) is None
    assert migrate(empty).returncode == 0
    assert schema(empty) == newest


def test_a_way_back_that_cannot_be_gone_is_told_and_changes_nothing(empty: Database) -> None:
    upgrade(empty)
    refused = migrate(empty, "--down", "no-such-revision")
    assert refused.returncode == 1
    assert "no-such-revision" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert present_revision(empty) == newest_revision()[0]
