"""The command that writes what was measured into files, of a job or of a whole sweep."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import typer

from service.cli import tables
from service.cli.jobs import JobOrSweep, is_sweep
from service.cli.program import ApiKey, ExitCode, Json, Url, app, connect, fail
from service.client import NotFound, Subgrad
from service.domain.job import Job
from service.exports import (
    ExtraMissing,
    Run,
    join_csv,
    join_parquet,
    values_of,
    write_mlflow,
    write_tensorboard,
)
from service.settings import forbid_tracking


class Form(StrEnum):
    CSV = "csv"
    PARQUET = "parquet"
    TENSORBOARD = "tensorboard"
    MLFLOW = "mlflow"


class What(StrEnum):
    EPOCHS = "epochs"
    LAYERS = "layers"
    WEIGHTS = "weights"


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    what: What
    form: Form | None
    """None is JSON."""
    max_points: int | None


@app.command()
def export(
    *,
    resource_id: JobOrSweep,
    form: Annotated[Form, typer.Option("--format", help="Of series; weights: safetensors.")] = (
        Form.CSV
    ),
    what: Annotated[
        What, typer.Option(help="A series, or the final weights; tensorboard and mlflow take both.")
    ] = What.EPOCHS,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="PLACE",
            help="A file, - for standard output; a folder for tensorboard and the weights of a "
            "sweep; for mlflow a database file or the URI of a tracking server.",
        ),
    ] = "-",
    experiment: Annotated[str, typer.Option(help="MLflow's experiment.")] = "subgrad",
    max_points: Annotated[
        int | None, typer.Option(min=1, help="At most so many points, extremes kept.")
    ] = None,
    json: Json = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Write what a job or a sweep measured, or the final weights, into files. With --json: the
    series of a job as JSON, whatever the format."""
    _check(resource_id, form, what, output, json=json)
    wanted = _Wanted(what=what, form=None if json else form, max_points=max_points)
    with connect(url, api_key) as client, _told(output):
        if form is Form.TENSORBOARD:
            count = write_tensorboard(_runs(client, resource_id, max_points), Path(output))
            typer.echo(f"{count} runs are in {output}: tensorboard --logdir {output}", err=True)
        elif form is Form.MLFLOW:
            _into_mlflow(_runs(client, resource_id, max_points), output, experiment)
        elif is_sweep(resource_id) and what is What.WEIGHTS:
            _weights_of_all(client, resource_id, Path(output))
        elif is_sweep(resource_id):
            with _opened(output) as file:
                _table_of_all(client, resource_id, wanted, file)
        else:
            content = _read(client, resource_id, wanted)
            with _opened(output) as file:
                file.write(content)


def _check(resource_id: str, form: Form, what: What, output: str, *, json: bool) -> None:
    of_weights = what is What.WEIGHTS
    if json and (of_weights or is_sweep(resource_id) or form in (Form.TENSORBOARD, Form.MLFLOW)):
        fail(ExitCode.USAGE, "There is JSON of the series of a job alone: leave --json out.")
    if output == "-":
        if form is Form.TENSORBOARD or (of_weights and is_sweep(resource_id)):
            fail(ExitCode.USAGE, "This makes many files: name a folder with -o.")
        if form is Form.MLFLOW:
            fail(ExitCode.USAGE, "Name a database file or a tracking server with -o.")
        is_text = json or (form is Form.CSV and not of_weights)
        if not is_text and sys.stdout.isatty():
            fail(ExitCode.USAGE, "This is no text for a terminal: name a file with -o.")


@contextmanager
def _told(output: str) -> Iterator[None]:
    """Says what is missing, and what cannot be written."""
    try:
        yield
    except ExtraMissing as error:
        fail(ExitCode.USAGE, str(error))
    except OSError as error:
        fail(ExitCode.USAGE, f"Cannot write {output}: {error.strerror}.")


@contextmanager
def _opened(output: str) -> Iterator[BinaryIO]:
    if output == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    else:
        with Path(output).open("wb") as file:
            yield file


def _read(client: Subgrad, job_id: str, wanted: _Wanted) -> bytes:
    """The file's content."""
    if wanted.what is What.WEIGHTS:
        return client.jobs.weights(job_id)
    if wanted.form is None:
        read = client.jobs.epochs if wanted.what is What.EPOCHS else client.jobs.layers
        return tables.as_json(read(job_id, max_points=wanted.max_points)).encode() + b"\n"
    what: Literal["epochs", "layers"] = "epochs" if wanted.what is What.EPOCHS else "layers"
    form: Literal["csv", "parquet"] = "csv" if wanted.form is Form.CSV else "parquet"
    return client.jobs.export(job_id, what=what, form=form, max_points=wanted.max_points)


def _members(client: Subgrad, sweep_id: str) -> list[Job]:
    """In the order of the axes."""
    return list(client.jobs.list(sweep_id=sweep_id, page_size=200))[::-1]


def _table_of_all(client: Subgrad, sweep_id: str, wanted: _Wanted, file: BinaryIO) -> None:
    axes = list(client.sweeps.get(sweep_id).axes)
    parts = (
        ({"job_id": job.id, **values_of(job, axes)}, _read(client, job.id, wanted))
        for job in _members(client, sweep_id)
    )
    if wanted.form is Form.PARQUET:
        join_parquet(parts, ["job_id", *axes], file)
    else:
        file.writelines(join_csv(parts))


def _weights_of_all(client: Subgrad, sweep_id: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for job in _members(client, sweep_id):
        try:
            content = client.jobs.weights(job.id)
        except NotFound:
            typer.echo(f"There are no weights of {job.id}, which is {job.status}.", err=True)
        else:
            (folder / f"{job.id}.safetensors").write_bytes(content)


def _runs(client: Subgrad, resource_id: str, max_points: int | None) -> Iterator[Run]:
    jobs = (
        [client.jobs.get(resource_id)]
        if not is_sweep(resource_id)
        else (_members(client, resource_id))
    )
    for job in jobs:
        yield Run(
            job=job,
            epochs=dict(client.jobs.epochs(job.id, max_points=max_points).columns),
            layers=dict(client.jobs.layers(job.id, max_points=max_points).columns),
        )


def _into_mlflow(runs: Iterator[Run], output: str, experiment: str) -> None:
    forbid_tracking()
    place = output if "://" in output else f"sqlite:///{Path(output).resolve()}"
    count = write_mlflow(runs, place, experiment)
    typer.echo(f"{count} runs are in {output}: mlflow ui --backend-store-uri {place}", err=True)
