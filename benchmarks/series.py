"""How long a million epochs of one job take to be read at 500 points, by HTTP.

`python -m benchmarks.series [--epochs 1000000] [--points 500]`, on SQLite and PostgreSQL. The rows
are written by SQL, the roll-ups by the service's own code.
"""

import argparse
import os
import statistics
import time
from typing import Any

import httpx
from sqlalchemy import text

from benchmarks.databases import databases
from benchmarks.serving import serving
from service.db import Database, jobs, rollups
from service.domain.metrics import EPOCH_COLUMNS, Count, EpochMetrics
from service.domain.spec import JobSpec
from service.settings import Settings

_SPEC = {
    "dataset": {"name": "digits"},
    "activation": {"name": "relu"},
    "loss": {"name": "cross_entropy"},
    "optimizer": {"learning_rate": 0.1},
}
_REPEAT = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--epochs", type=int, default=1_000_000)
    parser.add_argument("--points", type=int, default=500)
    arguments = parser.parse_args()
    print(f"{arguments.epochs:,} epochs at {arguments.points} points, ms by HTTP (load {_load()})")
    queries = {"train_loss": "train_loss", "all": None, "all, text/csv": None}
    for name, database in databases():
        job_id = _fill(database, arguments.epochs)
        with serving(Settings(), database) as http:
            for what, columns in queries.items():
                query = {"max_points": arguments.points} | ({"columns": columns} if columns else {})
                headers = {"Accept": "text/csv"} if "csv" in what else {}
                path = f"/v1/jobs/{job_id}/epochs"
                times = [_call(http, path, query, headers) for _ in range(_REPEAT)]
                median = f"median {statistics.median(times):.0f}, largest {max(times):.0f}"
                print(f"{name:12} {what:18} {median} (load {_load()})", flush=True)


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def _call(http: httpx.Client, path: str, query: Any, headers: dict[str, str]) -> float:
    started = time.perf_counter()
    http.get(path, params=query, headers=headers).raise_for_status()
    return (time.perf_counter() - started) * 1000


def _fill(database: Database, epochs: int) -> str:
    """A job with so many epochs of made-up numbers."""
    with database.writing() as session:
        job_id = jobs.submit(session, JobSpec.model_validate(_SPEC), []).id
    step = 100_000
    counts = {
        name for name, field in EpochMetrics.model_fields.items() if field.annotation == Count
    }
    values = ", ".join(
        "n % 97" if name in counts else f"(n * 7919 % 10007) / {i + 3}.0"
        for i, name in enumerate(EPOCH_COLUMNS)
        if name != "epoch"
    )
    names = ", ".join(EPOCH_COLUMNS)
    fill = (
        "WITH RECURSIVE numbers(n) AS (SELECT CAST(:first AS BIGINT) UNION ALL "  # noqa: S608
        "SELECT n + 1 FROM numbers WHERE n < :last) "
        f"INSERT INTO epoch_metrics (job_id, attempt, {names}) "
        f"SELECT :job_id, 1, n, {values} FROM numbers"
    )
    for first in range(0, epochs, step):
        last = min(first + step, epochs) - 1
        with database.writing() as session:
            session.execute(text(fill), {"first": first, "last": last, "job_id": job_id})
            written = [(job_id, epoch) for epoch in range(first, last + 1)]
            rollups.roll_up(session, {job_id: 1}, written)
            session.execute(
                text("UPDATE jobs SET last_epoch = :last WHERE id = :job_id"),
                {"last": last, "job_id": job_id},
            )
    return job_id


if __name__ == "__main__":
    main()
