"""Following a job or a sweep: a picture that moves on a terminal, lines elsewhere."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import typer
from pydantic import BaseModel
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from service.cli import tables
from service.cli.program import ExitCode
from service.cli.text import number, plain, sparkline
from service.client import Event, Subgrad
from service.domain.job import Job, StatusChange
from service.domain.metrics import EpochMetrics
from service.domain.states import JobStatus
from service.domain.sweep import Sweep, SweepProgress

_SHOWN = ("train_loss", "validation_metric", "dead_fraction", "grad_norm_mean")
_BAR_WIDTH = 40

T = TypeVar("T", bound=BaseModel)


def follow_job(client: Subgrad, job_id: str, console: Console, *, json: bool) -> None:
    """Follows it to its end. Raises typer.Exit where it failed or was cancelled."""
    events = client.jobs.events(job_id)
    if json:
        events = _as_lines(events)
    elif console.is_terminal:
        events = _draw_job(events, client.jobs.get(job_id), console)
    else:
        events = _tell_job(events)
    _end(events, console, json=json)


def follow_sweep(client: Subgrad, sweep_id: str, console: Console, *, json: bool) -> None:
    """The same for a sweep, which failed where a member did."""
    events = client.sweeps.events(sweep_id)
    if json:
        events = _as_lines(events)
    elif console.is_terminal:
        events = _draw_sweep(events, console)
    else:
        events = _tell_sweep(events)
    _end(events, console, json=json)


def _end(events: Iterable[Event[Any]], console: Console, *, json: bool) -> None:
    last: Job | Sweep | None = None
    for event in events:
        if isinstance(event.data, Job | Sweep):
            last = event.data
    if last is None:
        return
    if not json:
        tables.show(console, last, json=False)
    if last.status is not JobStatus.SUCCEEDED:
        raise typer.Exit(ExitCode.FAILED)


def _as_lines(events: Iterator[Event[T]]) -> Iterator[Event[T]]:
    for event in events:
        data = tables.as_json(event.data)
        typer.echo(f'{{"event":"{event.kind}","id":"{event.id}","data":{data}}}')
        yield event


def _tell_job(events: Iterator[Event[T]]) -> Iterator[Event[T]]:
    for event in events:
        if isinstance(event.data, StatusChange):
            why = f" ({event.data.reason})" if event.data.reason else ""
            typer.echo(f"{event.data.status}{why}")
        elif isinstance(event.data, EpochMetrics):
            told = (f"{name} {number(getattr(event.data, name))}" for name in _SHOWN[:3])
            typer.echo(f"epoch {event.data.epoch}  {'  '.join(told)}")
        yield event


def _tell_sweep(events: Iterator[Event[T]]) -> Iterator[Event[T]]:
    for event in events:
        if isinstance(event.data, SweepProgress):
            typer.echo(f"{event.data.progress:.0%}  {_members(event.data)}")
        yield event


def _members(progress: SweepProgress) -> str:
    counts = {name: n for name, n in progress.counts.model_dump().items() if n}
    diverged = f" ({progress.diverged:,} diverged)" if progress.diverged else ""
    return ", ".join(f"{n:,} {name}" for name, n in counts.items()) + diverged


def _draw_job(events: Iterator[Event[T]], job: Job, console: Console) -> Iterator[Event[T]]:
    seen: dict[str, list[float | None]] = {name: [] for name in _SHOWN}
    status, epoch = job.status.value, 0
    with Live(console=console, refresh_per_second=10) as live:
        for event in events:
            if isinstance(event.data, StatusChange):
                status = event.data.status.value
            elif isinstance(event.data, EpochMetrics):
                if event.data.epoch == 0:  # also of a new attempt
                    seen = {name: [] for name in _SHOWN}
                epoch = event.data.epoch
                for name, values in seen.items():
                    values.append(getattr(event.data, name))
            done = epoch / job.spec.epochs if job.spec.epochs else 1.0
            head = f"{plain(job.name or job.id)}  {status}  epoch {epoch} of {job.spec.epochs}"
            live.update(Group(head, _bar(done), _curves(seen)))
            yield event


def _draw_sweep(events: Iterator[Event[T]], console: Console) -> Iterator[Event[T]]:
    with Live(console=console, refresh_per_second=10) as live:
        for event in events:
            if isinstance(event.data, SweepProgress):
                live.update(Group(_members(event.data), _bar(event.data.progress)))
            yield event


def _bar(done: float) -> ProgressBar:
    return ProgressBar(total=1.0, completed=done, width=_BAR_WIDTH)


def _curves(seen: dict[str, list[float | None]]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    for name, values in seen.items():
        if drawn := sparkline(values, _BAR_WIDTH):
            last = next(value for value in reversed(values) if value is not None)
            grid.add_row(name, drawn, number(last))
    return grid
