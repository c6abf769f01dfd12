"""`make demo`: four jobs through the real service and what was measured of them, then a study.

Uses the client as anybody does. Three jobs differ only in the derivative of ReLU at 0; the fourth
has a learning rate that kills units.
"""

import io
import re
import threading
import time
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from service.client import Subgrad
from service.domain.job import Job
from service.domain.states import JobStatus
from service.embedded import launcher
from service.settings import Settings
from service.studies.reports import wording

_SPEC = {
    "dataset": {"name": "digits"},
    "network": {"kind": "mlp", "hidden": [128, 128]},
    "activation": {"name": "relu"},
    "loss": {"name": "cross_entropy"},
    "optimizer": {"name": "sgd", "learning_rate": 0.1},
    "epochs": 20,
    "batch_size": 64,
}
_KILLING_RATE = 1.0
_STUDY = "softplus-limit"


def demo_specs() -> list[dict[str, Any]]:
    """The specs that the demo posts."""
    conventions = [
        _SPEC
        | {
            "name": f"relu'(0) = {value:g}",
            "activation": {"name": "relu", "derivative_at_zero": value},
        }
        for value in (0.0, 0.5, 1.0)
    ]
    killer = _SPEC | {
        "name": f"learning rate {_KILLING_RATE:g}",
        "optimizer": {"name": "sgd", "learning_rate": _KILLING_RATE},
    }
    return [*conventions, killer]


def show(settings: Settings, *, stop: threading.Event, picture: Path | None = None) -> None:
    """Runs the demo on a service of its own, or on the one that already runs on this home.
    Saves the table as a picture where a path is given."""
    console = Console()
    url = settings.local_url
    try:
        with launcher.running(settings, logs=settings.resolved_home / "logs") as watch:
            with console.status("Starting API, dispatch, broker and worker …"):
                launcher.wait_until_ready(url, watch, stop=stop)
            table = _train_and_report(url, console, stop)
        where = "`make serve` brings them up again: then open"
    except launcher.AlreadyRunning:
        console.print(f"A service is running already: using {url}")
        table = _train_and_report(url, console, stop)
        where = "Open"
    if picture is not None and table is not None:
        canvas = Console(record=True, width=80, file=io.StringIO())
        canvas.print(table)
        # Rich names a font on a CDN; the picture is to show the same without a network.
        drawn = re.sub(
            r"@font-face \{.*?\}\s*", "", canvas.export_svg(title="make demo"), flags=re.S
        )
        picture.write_text(drawn)
    if not stop.is_set():
        console.print(
            f"The jobs are stored in {settings.resolved_home}. {where}\n"
            f"  dashboard  {url}/\n  API docs   {url}/docs"
        )


def _train_and_report(url: str, console: Console, stop: threading.Event) -> Table | None:
    """Posts, watches and prints. Returns the table, or None where `stop` was set."""
    if stop.is_set():
        return None
    started = time.monotonic()
    with Subgrad(url) as client:
        jobs = [client.jobs.create(spec) for spec in demo_specs()]
        jobs = _watch(client, jobs, console, stop)
        if stop.is_set():
            return None
        table = _table(client, jobs)
        console.print(table)
        console.print(f"Posted, trained and read back in {time.monotonic() - started:.1f} s.")
        _study(client, console, stop)
        return table


def _study(client: Subgrad, console: Console, stop: threading.Event) -> None:
    """One quick study, and its verdict."""
    study = client.studies.create(_STUDY)
    console.print(f"\nA study asks whether this is true: {study.claim}")
    with console.status("Training for the study …"):
        while not study.is_terminal and not stop.wait(0.1):
            study = client.studies.get(study.id)
    if study.status is not JobStatus.SUCCEEDED:
        return
    report = client.studies.report(study.id)
    took = (study.finished_at or study.created_at) - study.created_at
    jobs = f"{report.findings.jobs} jobs, {took.total_seconds():.1f} s"
    console.print(f"Verdict: {report.findings.verdict.value} ({jobs})", style="bold")
    for one in report.findings.statements:
        console.print(f"  {one.text}\n    {wording.decision(one)}", highlight=False)
    console.print(f"  subgrad study report {study.id} has the numbers, and the jobs behind them.")


def _watch(client: Subgrad, jobs: list[Job], console: Console, stop: threading.Event) -> list[Job]:
    """A bar a job, until all have ended."""
    bars = Progress(
        TextColumn("{task.description:<18}"),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        console=console,
    )
    with bars:
        rows: list[TaskID] = [
            bars.add_task(job.name or job.id, total=1.0, note=job.status) for job in jobs
        ]
        while not stop.wait(0.1):
            jobs = [client.jobs.get(job.id) for job in jobs]
            for row, job in zip(rows, jobs, strict=True):
                bars.update(row, completed=job.progress, note=_note(job))
            if all(job.is_terminal for job in jobs):
                break
    return jobs


def _note(job: Job) -> str:
    if job.summary is None:
        return job.status
    loss = _number(job.summary.train_loss)
    return f"{job.status:<9} epoch {job.summary.epoch:>2}  loss {loss}"


def _table(client: Subgrad, jobs: list[Job]) -> Table:
    """Fits a terminal of 80 columns."""
    title = "digits, 64-128-128-10, ReLU, SGD, 20 epochs, float32"
    table = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("job", "loss", "acc.", "val.", "dead by layer", "grad", "kink hits"):
        left = heading == "job"
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    for job in jobs:
        table.add_row(*_cells(client, job))
    return table


def _cells(client: Subgrad, job: Job) -> list[str]:
    last = job.summary
    if job.status is not JobStatus.SUCCEEDED or last is None:
        return [job.name or job.id, job.status]
    layers = client.jobs.layers(job.id, columns=["epoch", "dead", "units"]).columns
    hits = client.jobs.epochs(job.id, columns=["kink_hits"]).columns.kink_hits
    dead = [
        "n/a" if count is None else f"{count / units:.1%}"
        for epoch, count, units in zip(layers.epoch, layers.dead, layers.units, strict=True)
        if epoch == last.epoch
    ]
    return [
        job.name or job.id,
        _number(last.train_loss),
        _number(last.train_metric),
        _number(last.validation_metric),
        " ".join(dead),
        _number(last.grad_norm_last),
        f"{sum(count or 0 for count in hits):,} of {_preactivations(job, last.epoch) / 1e6:.1f}M",
    ]


def _preactivations(job: Job, epochs: int) -> int:
    """How many pre-activations the training forward passes of the job had."""
    examples = 1797
    trained = examples - round(examples * job.spec.dataset.validation_fraction)
    return int(epochs * trained * sum(job.spec.network.hidden_widths))


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.4f}"
