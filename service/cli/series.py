"""The commands about what was measured, and about the service itself."""

import json as json_module
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from service.cli import tables
from service.cli.program import ApiKey, ExitCode, Json, Url, app, connect, console, fail


class Form(StrEnum):
    CSV = "csv"
    PARQUET = "parquet"


class What(StrEnum):
    EPOCHS = "epochs"
    LAYERS = "layers"


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
    form: Annotated[Form, typer.Option("--format", help="Kind of file.")] = Form.CSV,
    what: Annotated[What, typer.Option(help="Which series.")] = What.EPOCHS,
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
    """Write what a job measured into a file. With --json: as JSON, whatever the format."""
    if form is Form.PARQUET and not json and output == "-" and sys.stdout.isatty():
        fail(ExitCode.USAGE, "Parquet is no text for a terminal: name a file with -o.")
    with connect(url, api_key) as client:
        if json:
            read = client.jobs.epochs if what is What.EPOCHS else client.jobs.layers
            series = read(job_id, max_points=max_points)
            content = series.model_dump_json(exclude_unset=True).encode() + b"\n"
        else:
            content = client.jobs.export(
                job_id, what=what.value, form=form.value, max_points=max_points
            )
    if output == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        Path(output).write_bytes(content)
    except OSError as error:
        fail(ExitCode.USAGE, f"Cannot write {output}: {error.strerror}.")


@app.command()
def openapi(*, url: Url = None, api_key: ApiKey = None) -> None:
    """Print the OpenAPI document of the service."""
    with connect(url, api_key) as client:
        typer.echo(json_module.dumps(client.openapi(), indent=2))
