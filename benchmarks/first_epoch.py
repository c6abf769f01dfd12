"""How soon the first trained epoch of a job can be read by HTTP, counted from its POST.

`python -m benchmarks.first_epoch [--jobs 100]`: the embedded default, then PostgreSQL and Redis; an
idle and warm worker, one job at a time on the digits MLP 64-128-128-10, looked at every 5 ms.
Epoch 0 (the state at initialisation) and epoch 1 (the first trained one) are reported apart.
"""

import argparse
import os
import statistics
import time
from typing import Any

import httpx
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.services import services

_SPEC: dict[str, Any] = {
    "dataset": {"name": "digits"},
    "network": {"kind": "mlp", "hidden": [128, 128]},
    "activation": {"name": "relu"},
    "loss": {"name": "cross_entropy"},
    "optimizer": {"learning_rate": 0.1},
    "epochs": 3,
}

_POLL_S = 0.005


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--jobs", type=int, default=100)
    jobs = parser.parse_args().jobs
    for name, http in services():
        _measure(http, seed=10_000)  # the first job loads the data set
        _report(name, [_measure(http, seed=seed) for seed in range(jobs)])


def _measure(http: httpx.Client, *, seed: int) -> tuple[float, float]:
    """Seconds from POST until epoch 0 and until epoch 1 were read. Returns when the job ended."""
    posted = time.perf_counter()
    job = http.post("/v1/jobs", json=_SPEC | {"seed": seed}).raise_for_status().json()
    read_at: list[float] = []
    while len(read_at) < 2:
        epochs = http.get(f"/v1/jobs/{job['id']}/epochs").raise_for_status().json()
        seen = len(epochs["columns"]["epoch"])
        read_at += [time.perf_counter() - posted] * (min(seen, 2) - len(read_at))
        # Polling without a rest would take one of the cores that train.
        time.sleep(_POLL_S)
    http.get(f"/v1/jobs/{job['id']}", params={"wait": 30}).raise_for_status()
    return read_at[0], read_at[1]


def _report(name: str, seconds: list[tuple[float, float]]) -> None:
    title = f"{name}: POST to readable by HTTP, {len(seconds)} jobs, warm idle worker"
    table = Table(title=f"{title}; load {os.getloadavg()[0]:.1f}", box=box.MARKDOWN)
    for heading in ("epoch", "p50 (ms)", "p95 (ms)", "p99 (ms)", "max (ms)"):
        table.add_column(heading, justify="right")
    for epoch in (0, 1):
        values = sorted(one[epoch] * 1000 for one in seconds)
        percentiles = statistics.quantiles(values, n=100, method="inclusive")
        cells = (percentiles[49], percentiles[94], percentiles[98], values[-1])
        table.add_row(str(epoch), *(f"{cell:.0f}" for cell in cells))
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
