"""The commands that compare jobs and describe the service itself."""

import json as json_module
from typing import Annotated

import typer

from service.cli import tables
from service.cli.program import ApiKey, Json, Url, app, connect, console


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
def openapi(*, json: Json = False, url: Url = None, api_key: ApiKey = None) -> None:
    """Print the OpenAPI document of the service: JSON in any case, in one line with --json."""
    with connect(url, api_key) as client:
        typer.echo(json_module.dumps(client.openapi(), indent=None if json else 2))
