"""The commands about what was measured, and about the service itself."""

import json as json_module
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from service.cli import tables
from service.cli.program import ApiKey, ExitCode, Json, Url, app, connect, console, fail
from service.client import Subgrad


class Form(StrEnum):
    CSV = "csv"
    PARQUET = "parquet"


class What(StrEnum):
    EPOCHS = "epochs"
    LAYERS = "layers"
    WEIGHTS = "weights"


@app.command()
def compare(
    *,
    job_ids: Annotated[list[str], typer.Argument(metavar="ID ID ...", help="2 to 10 jobs.")],
    json: Json = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Compare jobs: where their specs differ, and from which epoch on their numbers do."""
    with connect(url, api_key) as client:
        tables.show(console(), client.compare(*job_ids), json=json)


@app.command()
def export(
    *,
    job_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a job.")],
    form: Annotated[Form, typer.Option("--format", help="Of series; weights: safetensors.")] = (
        Form.CSV
    ),
    what: Annotated[What, typer.Option(help="A series, or the final weights.")] = What.EPOCHS,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="- is standard output.")
    ] = "-",
    max_points: Annotated[
        int | None, typer.Option(min=1, help="At most so many points, extremes kept.")
    ] = None,
    json: Json = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Write what a job measured, or its final weights, into a file. With --json: as JSON, whatever
    the format."""
    if json and what is What.WEIGHTS:
        fail(ExitCode.USAGE, "There is no JSON of weights: leave --json out.")
    is_text = json or (form is Form.CSV and what is not What.WEIGHTS)
    if not is_text and output == "-" and sys.stdout.isatty():
        fail(ExitCode.USAGE, "This is no text for a terminal: name a file with -o.")
    with connect(url, api_key) as client:
        content = _read(client, job_id, what, None if json else form, max_points)
    if output == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        Path(output).write_bytes(content)
    except OSError as error:
        fail(ExitCode.USAGE, f"Cannot write {output}: {error.strerror}.")


def _read(
    client: Subgrad, job_id: str, what: What, form: Form | None, max_points: int | None
) -> bytes:
    """The file's content; a form of None is JSON."""
    if what is What.WEIGHTS:
        return client.jobs.weights(job_id)
    if form is None:
        read = client.jobs.epochs if what is What.EPOCHS else client.jobs.layers
        return tables.as_json(read(job_id, max_points=max_points)).encode() + b"\n"
    kind: Literal["epochs", "layers"] = "epochs" if what is What.EPOCHS else "layers"
    return client.jobs.export(job_id, what=kind, form=form.value, max_points=max_points)


@app.command()
def openapi(*, url: Url = None, api_key: ApiKey = None) -> None:
    """Print the OpenAPI document of the service."""
    with connect(url, api_key) as client:
        typer.echo(json_module.dumps(client.openapi(), indent=2))
