"""The commands about sweeps."""

from itertools import islice
from typing import Annotated

import typer

from service.cli import tables, watching
from service.cli.program import (
    ApiKey,
    DryRun,
    Json,
    Key,
    Priority,
    SpecFile,
    Url,
    Watch,
    app,
    connect,
    console,
    read_file,
)


@app.command()
def sweep(
    *,
    file: SpecFile,
    priority: Priority = 0,
    idempotency_key: Key = None,
    dry_run: DryRun = False,
    watch: Watch = False,
    json: Json = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Queue the sweep that a file describes: a base spec and its axes."""
    spec = read_file(file)
    with connect(url, api_key) as client:
        if dry_run:
            plan = client.sweeps.create(spec, priority=priority, dry_run=True)
            tables.show(console(), plan, json=json)
            return
        posted = client.sweeps.create(spec, priority=priority, idempotency_key=idempotency_key)
        if watch:
            watching.follow_sweep(client, posted.id, console(), json=json)
        elif json:
            typer.echo(tables.as_json(posted))
        else:
            typer.echo(f"{posted.id} is {posted.status}, with {posted.members:,} members.")
            typer.echo(f"Follow it: subgrad watch {posted.id}")


@app.command("sweeps")
def list_sweeps(
    *,
    name: Annotated[str | None, typer.Option(help="Only with exactly this name.")] = None,
    study: Annotated[str | None, typer.Option(help="Only sweeps of this study.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    json: Json = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """List sweeps, newest first."""
    with connect(url, api_key) as client:
        found = client.sweeps.list(name=name, study_id=study, page_size=min(limit, 200))
        tables.show_list(console(), list(islice(found, limit)), json=json)


_AXES = "Axes, joined by commas"


@app.command()
def table(
    *,
    sweep_id: Annotated[str, typer.Argument(metavar="SWEEP", help="Id of a sweep.")],
    quantity: Annotated[
        str | None, typer.Option(help="What is shown, by its last value.", show_default=False)
    ] = None,
    rows: Annotated[str | None, typer.Option(help=f"{_AXES}: along the rows.")] = None,
    columns: Annotated[str | None, typer.Option(help=f"{_AXES}: along the columns.")] = None,
    over: Annotated[str | None, typer.Option(help=f"{_AXES}: summarised.")] = None,
    json: Json = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Show the results of a sweep as a table: mean, half the 95% interval, and how many."""
    sides = {"rows": rows, "columns": columns, "over": over}
    placed = {side: None if axes is None else axes.split(",") for side, axes in sides.items()}
    with connect(url, api_key) as client:
        pivot = client.sweeps.table(sweep_id, quantity=quantity, **placed)
    tables.show(console(), pivot, json=json)
