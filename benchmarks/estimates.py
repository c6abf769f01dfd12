"""How near the seconds of a dry run come to those that the training then takes.

`python -m benchmarks.estimates`: the embedded default in a temporary home. A few jobs and a sweep
of other shapes teach it; then new jobs and sweeps are planned, trained and compared. Trained
seconds are from the first start to the last end, so they hold what an estimate leaves out: loading,
recording, and starting the next cohort.
"""

from datetime import datetime
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from benchmarks.services import service


def _spec(hidden: list[int], **changes: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "dataset": {"name": "digits"},
        "network": {"hidden": hidden},
        "activation": {"name": "relu"},
        "loss": {"name": "cross_entropy"},
        "optimizer": {"learning_rate": 0.1},
        "epochs": 30,
    }
    return spec | changes


_LESSONS = [_spec([32, 32]), _spec([128, 128]), _spec([512, 512], epochs=5)]
_TAUGHT_SWEEP = {"base": _spec([96, 96]), "axes": {"seed": {"range": 64}}}

_QUESTIONS: list[tuple[str, str, dict[str, Any]]] = [
    ("job, 128-128, 60 epochs", "jobs", _spec([128, 128], epochs=60)),
    ("job, 64-64, 60 epochs", "jobs", _spec([64, 64], epochs=60)),
    ("job, 256-256, batch 128", "jobs", _spec([256, 256], batch_size=128)),
    ("sweep, 64 x 128-128", "sweeps", {"base": _spec([128, 128]), "axes": {"seed": {"range": 64}}}),
    ("sweep, 192 x 64-64", "sweeps", {"base": _spec([64, 64]), "axes": {"seed": {"range": 192}}}),
]


def main() -> None:
    table = Table(title="seconds, estimated and trained")
    for heading in ("what", "estimated", "trained", "ratio"):
        table.add_column(heading, justify="right")
    with service() as http:
        for lesson in _LESSONS:
            _train(http, "jobs", lesson)
        _train(http, "sweeps", _TAUGHT_SWEEP)
        for what, kind, body in _QUESTIONS:
            estimated = _plan(http, kind, body)
            trained = _train(http, kind, body)
            ratio = f"{estimated / trained:.2f}"
            table.add_row(what, f"{estimated:.2f}", f"{trained:.2f}", ratio)
    Console().print(table)


def _plan(http: httpx.Client, kind: str, body: dict[str, Any]) -> float:
    plan = http.post(f"/v1/{kind}", json=body, params={"dry_run": "true"}).raise_for_status().json()
    return float(plan["estimated_seconds"])


def _train(http: httpx.Client, kind: str, body: dict[str, Any]) -> float:
    posted = http.post(f"/v1/{kind}", json=body).raise_for_status().json()
    path = f"/v1/{kind}/{posted['id']}"
    while http.get(path, params={"wait": 60}).raise_for_status().json()["finished_at"] is None:
        pass
    jobs = [http.get(path).json()]
    if kind == "sweeps":
        query = {"sweep_id": posted["id"], "limit": 200}
        jobs = http.get("/v1/jobs", params=query).raise_for_status().json()["data"]
    started = min(datetime.fromisoformat(job["started_at"]) for job in jobs)
    finished = max(datetime.fromisoformat(job["finished_at"]) for job in jobs)
    return (finished - started).total_seconds()


if __name__ == "__main__":
    main()
