"""What the service answers, for people (in 80 columns) or for programs."""

from collections.abc import Sequence
from datetime import datetime
from functools import singledispatch

import typer
from pydantic import BaseModel
from rich import box
from rich.console import Console, RenderableType
from rich.table import Table

from service.cli import diagnoses
from service.cli.text import NOTHING, number, plain, value
from service.domain.comparison import TIMED, Comparison
from service.domain.diagnosis import Diagnosis
from service.domain.job import Job, SpecWarning
from service.domain.pivot import Cell, SweepTable
from service.domain.plan import JobPlan, SweepPlan
from service.domain.states import Outcome
from service.domain.study import Study, StudyReport
from service.domain.sweep import Sweep
from service.studies.reports import wording


def show(console: Console, answer: BaseModel, *, json: bool) -> None:
    """Prints one answer."""
    if json:
        typer.echo(as_json(answer))
        return
    for part in describe(answer, console.width):
        console.print(part)


def as_json(answer: BaseModel) -> str:
    """In one line, with the fields that the service sent."""
    return answer.model_dump_json(exclude_unset=True)


def as_json_array(found: Sequence[BaseModel]) -> str:
    """A line for each."""
    inner = ",\n".join(map(as_json, found))
    return f"[{inner}]"


def show_list(
    console: Console, found: Sequence[Job] | Sequence[Sweep] | Sequence[Study], *, json: bool
) -> None:
    """Prints a row for each; for programs a JSON array."""
    if json:
        typer.echo(as_json_array(found))
        return
    if not found:
        typer.echo("Nothing is there.", err=True)
        return
    table = plain_table("id", "state", "done", "what")
    fixed = (36, 12, 4)
    # Between two columns are three blanks.
    rest = console.width - sum(fixed) - 3 * len(fixed)
    for column, width in zip(table.columns, (*fixed, max(10, rest)), strict=True):
        column.no_wrap, column.overflow, column.width = True, "ellipsis", width
        column.justify = "right" if column.header == "done" else "left"
    for one in found:
        table.add_row(one.id, state_of(one), f"{one.progress:.0%}", _what(one))
    console.print(table)


def state_of(one: Job | Sweep | Study) -> str:
    """The state in a word, or the outcome where that says more."""
    if isinstance(one, Study) and one.verdict is not None:
        return one.verdict.value
    diverged = isinstance(one, Job) and one.outcome is Outcome.DIVERGED
    return "diverged" if diverged else one.status.value


def _what(one: Job | Sweep | Study) -> str:
    if isinstance(one, Study):
        return f"{one.template}, {one.scale.value}"
    if one.name:
        return plain(one.name)
    if isinstance(one, Job):
        return f"{one.spec.activation.name} on {one.spec.dataset.name}"
    return f"{one.members:,} × " + ", ".join(map(plain, one.axes))


@singledispatch
def describe(answer: object, width: int) -> list[RenderableType]:
    """What to print of an answer, in so many columns."""
    raise TypeError(f"nobody knows how to show a {type(answer).__name__}")


@describe.register
def _(job: Job, width: int) -> list[RenderableType]:
    rows = {
        "job": job.id,
        "name": plain(job.name or NOTHING),
        "state": f"{state_of(job)}, {job.progress:.0%} done",
        "spec": f"{job.spec.activation.name} on {job.spec.dataset.name}, {job.spec.loss.name}, "
        f"{job.spec.optimizer.name} {number(job.spec.optimizer.learning_rate)}",
        "created": moment_of(job.created_at),
        "started": moment_of(job.started_at),
        "finished": moment_of(job.finished_at),
        "attempt": str(job.attempt),
    }
    if job.diverged_at_step is not None:
        rows["diverged"] = f"at step {job.diverged_at_step:,}"
    if job.reason is not None:
        rows["reason"] = plain(f"{job.reason}: {job.detail or ''}".rstrip(": "))
    if job.sweep_id is not None:
        rows["sweep"] = job.sweep_id
    measured = {} if job.summary is None else job.summary.model_dump()
    rows |= {name: number(last) for name, last in measured.items() if last is not None}
    return [card(rows), *_warnings(job.warnings)]


@describe.register
def _(sweep: Sweep, width: int) -> list[RenderableType]:
    counts = {name: n for name, n in sweep.counts.model_dump().items() if n}
    axes = ", ".join(plain(axis) for axis in sweep.axes)
    rows = {
        "sweep": sweep.id,
        "name": plain(sweep.name or NOTHING),
        "state": f"{sweep.status.value}, {sweep.progress:.0%} done",
        "axes": f"{axes} ({sweep.mode.value}, {sweep.members:,} members)",
        "members": ", ".join(f"{n:,} {name}" for name, n in counts.items()),
        "diverged": f"{sweep.diverged:,}",
        "created": moment_of(sweep.created_at),
        "finished": moment_of(sweep.finished_at),
    }
    return [card(rows)]


@describe.register
def _(study: Study, width: int) -> list[RenderableType]:
    counts = {name: n for name, n in study.counts.model_dump().items() if n}
    rows = {
        "study": study.id,
        "template": f"{study.template}, {study.scale.value}",
        "claim": study.claim,
        "state": f"{study.status.value}, {study.progress:.0%} of round {study.rounds} done",
        "verdict": study.verdict.value if study.verdict else NOTHING,
        "jobs": ", ".join(f"{n:,} {name}" for name, n in counts.items()) or NOTHING,
        "created": moment_of(study.created_at),
        "finished": moment_of(study.finished_at),
    }
    if study.reason is not None:
        rows["reason"] = plain(f"{study.reason}: {study.detail or ''}".rstrip(": "))
    return [card(rows)]


@describe.register
def _(report: StudyReport, width: int) -> list[RenderableType]:
    took = (report.study.finished_at or report.study.created_at) - report.study.created_at
    lines = [f"{report.title} ({took.total_seconds():.1f} s, {report.findings.jobs:,} jobs)"]
    for one in report.findings.statements:
        lines.append(f"  {one.text}")
        lines.append(f"    {wording.decision(one)}: {wording.estimate(one.estimate)}")
    return [plain(line) for line in lines]


@describe.register
def _(plan: JobPlan, width: int) -> list[RenderableType]:
    return [card(_costs(plan)), *_warnings(plan.warnings)]


@describe.register
def _(plan: SweepPlan, width: int) -> list[RenderableType]:
    cohorts = f"{plan.cohorts:,}, the largest of {plan.largest_cohort:,}"
    rows = {"members": f"{plan.members:,}", "cohorts": cohorts, **_costs(plan)}
    return [card(rows), *_warnings(plan.warnings)]


def _costs(plan: JobPlan | SweepPlan) -> dict[str, str]:
    known = plan.estimated_seconds is not None
    return {
        "parameters": f"{plan.parameters:,}",
        "steps": f"{plan.steps:,}",
        "operations": number(float(plan.flops)),
        "memory": f"{plan.memory_bytes / 1e6:,.1f} MB",
        "seconds": number(plan.estimated_seconds)
        if known
        else "unknown: nothing alike was trained",
    }


@describe.register
def _(table: SweepTable, width: int) -> list[RenderableType]:
    over = f", over {', '.join(map(plain, table.over))}" if table.over else ""
    columns = f" by {', '.join(map(plain, table.columns.axes))}" if table.columns.axes else ""
    heading = f"{table.quantity}{columns}{over}: mean ± half the 95% interval (members)"
    labels = [", ".join(map(value, values)) or "all" for values in table.rows.values]
    heads = [", ".join(map(value, values)) or "all" for values in table.columns.values]
    texts = [[_cell(cell) for cell in row] for row in table.cells]
    corner = ", ".join(map(plain, table.rows.axes))
    parts: list[RenderableType] = [heading]
    widest = [max(map(len, [head, *(row[j] for row in texts)])) for j, head in enumerate(heads)]
    for block in blocks_of(widest, width - max(map(len, [corner, *labels])) - 2):
        drawn = plain_table(corner, *(heads[j] for j in block))
        for label, row in zip(labels, texts, strict=True):
            drawn.add_row(label, *(row[j] for j in block))
        parts.append(drawn)
    return parts


def blocks_of(widths: Sequence[int], room: int) -> list[list[int]]:
    """Columns, two blanks between each, that fit beside each other; at least one a block."""
    blocks: list[list[int]] = [[]]
    left = room
    for j, needed in enumerate(widths):
        if blocks[-1] and needed + 2 > left:
            blocks.append([])
            left = room
        blocks[-1].append(j)
        left -= needed + 2
    return blocks


def _cell(cell: Cell) -> str:
    if cell.state in ("diverged", "missing"):
        return cell.state
    half = f" ± {number((cell.interval.high - cell.interval.low) / 2)}" if cell.interval else ""
    count = str(cell.n) if cell.state == "complete" else f"{cell.n} of {cell.members}"
    return f"{number(cell.mean)}{half} ({count})"


@describe.register
def _(diagnosis: Diagnosis, width: int) -> list[RenderableType]:
    return diagnoses.lines(diagnosis)


@describe.register
def _(comparison: Comparison, width: int) -> list[RenderableType]:
    letters = [chr(ord("A") + i) for i in range(len(comparison.jobs))]
    parts: list[RenderableType] = [
        f"{letter}  {job.id}  {state_of(job)}  {_what(job)}"
        for letter, job in zip(letters, comparison.jobs, strict=True)
    ]
    specs = plain_table("spec", *letters)
    for one in comparison.differences:
        shown = zip(one.values, one.present, strict=True)
        specs.add_row(
            plain(one.pointer), *(value(v) if present else NOTHING for v, present in shown)
        )
    parts.append(specs if comparison.differences else "The specs are equal.")
    curves = plain_table("last value", *letters, "differs from")
    for curve in comparison.curves:
        lasts = [next((v for v in reversed(own) if v is not None), None) for own in curve.values]
        first = curve.first_differing_epoch
        if any(last is not None for last in lasts):
            where = "never" if first is None else f"epoch {first}"
            where = NOTHING if curve.quantity in TIMED else where
            curves.add_row(curve.quantity, *map(number, lasts), where)
    first = comparison.first_differing_epoch
    told = "never differ" if first is None else f"differ from epoch {first} on"
    parting = []
    if comparison.first_differing_step is not None:
        where = ", ".join(map(str, comparison.first_differing_layers)) or "none (the loss)"
        step = f"{comparison.first_differing_step:,}"
        parting = [f"Their weights part in step {step}, at a kink of hidden layer {where}."]
    return [*parts, curves, f"The numbers {told}.", *parting]


def _warnings(warnings: Sequence[SpecWarning]) -> list[RenderableType]:
    return [f"Warning ({one.code}) {one.pointer}: {plain(one.detail)}" for one in warnings]


def moment_of(moment: datetime | None) -> str:
    return NOTHING if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def card(rows: dict[str, str]) -> Table:
    """A line for each name and what stands beside it."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    for name, text in rows.items():
        grid.add_row(name, text)
    return grid


def plain_table(*heads: str) -> Table:
    """Without lines around it; the first column names the row."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
    for i, head in enumerate(heads):
        table.add_column(head, justify="left" if i == 0 else "right", overflow="fold")
    return table
