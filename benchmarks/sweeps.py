"""How long the API takes to accept, read, list and tabulate a sweep of 1,000 members.

`python -m benchmarks.sweeps [--members 1000] [--repeat 5]`: the API behind uvicorn in this
process, by HTTP, on SQLite and on PostgreSQL (see `benchmarks/databases.py`). No worker runs;
every member is given one epoch by SQL, so that the table has something to read.
"""

import argparse
import statistics
import time
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from benchmarks.databases import databases
from benchmarks.serving import serving
from service.db import Database
from service.settings import Settings

_BASE: dict[str, Any] = {
    "dataset": {"name": "digits"},
    "network": {"kind": "mlp", "hidden": [128, 128]},
    "activation": {"name": "relu"},
    "loss": {"name": "cross_entropy"},
    "epochs": 10,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    table = Table(title=f"a sweep of {arguments.members:,} members, ms (median; largest)")
    for heading in ("database", "POST", "GET", "members, 200 a page", "list", "table", "cancel"):
        table.add_column(heading, justify="right")
    for name, database in databases():
        with serving(Settings(), database) as http:
            rounds = [_round(http, database, arguments.members) for _ in range(arguments.repeat)]
        cells = [
            f"{statistics.median(times):.0f}; {max(times):.0f}"
            for times in zip(*rounds, strict=True)
        ]
        table.add_row(name, *cells)
    Console(width=120).print(table)


def _round(http: httpx.Client, database: Database, members: int) -> list[float]:
    """Milliseconds of each call."""
    times: list[float] = []

    def call(method: str, path: str, **options: Any) -> dict[str, Any]:
        started = time.perf_counter()
        response = http.request(method, path, **options).raise_for_status()
        times.append((time.perf_counter() - started) * 1000)
        body: dict[str, Any] = response.json()
        return body

    axes = {
        "activation.derivative_at_zero": [0, 1],
        "optimizer.learning_rate": {"logspace": [0.01, 1, 10]},
        "seed": {"range": members // 20},
    }
    sweep = call("POST", "/v1/sweeps", json={"base": _BASE, "axes": axes})
    assert sweep["members"] == members
    path = f"/v1/sweeps/{sweep['id']}"
    call("GET", path)
    call("GET", "/v1/jobs", params={"sweep_id": sweep["id"], "limit": 200})
    call("GET", "/v1/sweeps")
    _measure_everything(database, sweep["id"])
    tabulated = call("GET", f"{path}/table", params={"quantity": "train_loss"})
    assert tabulated["cells"][0][0]["n"] == members // 20
    with database.writing() as session:
        session.execute(
            text("UPDATE jobs SET status = 'queued' WHERE sweep_id = :id"), {"id": sweep["id"]}
        )
    call("POST", f"{path}/cancel")
    return times


def _measure_everything(database: Database, sweep_id: str) -> None:
    with database.writing() as session:
        session.execute(
            text(
                "INSERT INTO epoch_metrics (job_id, epoch, attempt, train_loss) "
                "SELECT id, 0, 1, 1.0 / (sweep_index + 1) FROM jobs WHERE sweep_id = :id"
            ),
            {"id": sweep_id},
        )
        session.execute(
            text(
                "UPDATE jobs SET status = 'succeeded', outcome = 'completed', last_epoch = 0 "
                "WHERE sweep_id = :id"
            ),
            {"id": sweep_id},
        )


if __name__ == "__main__":
    main()
