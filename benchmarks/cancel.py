"""How soon a cancelled job has ended, counted from the request, and how soon its slot is free.

    python -m benchmarks.cancel [--jobs 100]

The embedded default, then PostgreSQL and Redis. A running job is cancelled at a random moment of
its training; a queued one at once. The last column is when the worker has started the next job.
"""

import argparse
import os
import random
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
    "epochs": 5000,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--jobs", type=int, default=100)
    count = parser.parse_args().jobs
    for name, http in services():
        _report(name, _measure(http, count))


def _measure(http: httpx.Client, count: int) -> dict[str, list[float]]:
    rng = random.Random(0)
    running = _post(http, seed=0)
    queued, ended, freed = [], [], []
    for seed in range(1, count + 1):
        _wait_for_epoch(http, running)
        following = _post(http, seed=seed)
        queued.append(_cancel(http, _post(http, seed=seed)))
        # The moment is drawn at random; nothing is waited for.
        time.sleep(rng.uniform(0.0, 0.2))
        asked = time.perf_counter()
        ended.append(_cancel(http, running))
        _wait_for_epoch(http, following)
        freed.append(time.perf_counter() - asked)
        running = following
    _cancel(http, running)
    return {"queued: ended": queued, "running: ended": ended, "next job's epoch 0": freed}


def _post(http: httpx.Client, *, seed: int) -> str:
    answer = http.post("/v1/jobs", json=_SPEC | {"seed": seed}).raise_for_status()
    job_id: str = answer.json()["id"]
    return job_id


def _cancel(http: httpx.Client, job_id: str) -> float:
    """Seconds until the job has ended."""
    asked = time.perf_counter()
    http.post(f"/v1/jobs/{job_id}/cancel").raise_for_status()
    job = http.get(f"/v1/jobs/{job_id}", params={"wait": 30}).raise_for_status().json()
    assert job["status"] == "cancelled", job["status"]
    return time.perf_counter() - asked


def _wait_for_epoch(http: httpx.Client, job_id: str) -> None:
    while http.get(f"/v1/jobs/{job_id}").raise_for_status().json()["summary"] is None:
        time.sleep(0.005)


def _report(name: str, seconds: dict[str, list[float]]) -> None:
    title = f"{name}: from the request to cancel, {len(next(iter(seconds.values())))} jobs"
    table = Table(title=f"{title}; load {os.getloadavg()[0]:.1f}", box=box.MARKDOWN)
    for heading in ("what", "p50 (ms)", "p99 (ms)", "max (ms)"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for what, values in seconds.items():
        p99 = statistics.quantiles(values, n=100)[-1]
        cells = (statistics.median(values), min(p99, max(values)), max(values))
        table.add_row(what, *(f"{1000 * cell:.0f}" for cell in cells))
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
