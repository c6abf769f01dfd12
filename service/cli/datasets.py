"""The commands about data sets of your own: `subgrad datasets …`."""

from collections.abc import Sequence
from itertools import islice
from typing import Annotated

import typer
from rich.console import RenderableType

from service.cli import tables
from service.cli.program import ApiKey, Json, Url, app, connect, console, read_file
from service.cli.text import NOTHING, number, plain
from service.client.dataset_calls import Form
from service.domain.losses import Task
from service.domain.uploads import Column, Preview, UploadedDataset, UploadSummary

datasets_app = typer.Typer(
    no_args_is_help=True, help="Data sets of your own: upload, look, remove."
)
app.add_typer(datasets_app, name="datasets")

_MOST_COLUMNS, _MOST_CLASSES = 20, 10

DatasetId = Annotated[str, typer.Argument(metavar="ID", help="Id of a data set.")]


@datasets_app.command()
def upload(
    *,
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="CSV, Parquet or NPZ; - reads standard input."),
    ],
    task: Annotated[Task, typer.Option(help="What is to be learned.")],
    target: Annotated[
        str, typer.Option(help="The column to predict; of NPZ the array, beside the features in X.")
    ],
    name: Annotated[str | None, typer.Option(help="A name of your own.")] = None,
    form: Annotated[
        Form | None, typer.Option("--format", help="Left out, the first bytes tell.")
    ] = None,
    json: Json = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Upload a file. The same data again are the data set that they were before."""
    content = read_file(file)
    with connect(url, api_key) as client:
        stored = client.datasets.upload(
            content,
            task=task,
            target=target,
            name=name,
            form=form,
        )
    if json:
        typer.echo(tables.as_json(stored))
        return
    typer.echo(f"{stored.id} has {_size(stored)}.")
    typer.echo(f"Look at it: subgrad datasets show {stored.id}")


@datasets_app.command("ls")
def list_datasets(
    *,
    name: Annotated[str | None, typer.Option(help="Only with exactly this name.")] = None,
    task: Annotated[Task | None, typer.Option(help="Only of this task.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    json: Json = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """List data sets, newest first."""
    with connect(url, api_key) as client:
        found = client.datasets.list(name=name, task=task, page_size=min(limit, 200))
        listed = list(islice(found, limit))
    if json:
        typer.echo(tables.as_json_array(listed))
    elif listed:
        console().print(_list(listed))
    else:
        typer.echo("Nothing is there.", err=True)


@datasets_app.command("show")
def show_dataset(
    *, dataset_id: DatasetId, json: Json = False, url: Url = None, api_key: ApiKey = None
) -> None:
    """Show what is known of a data set, with statistics of its columns."""
    with connect(url, api_key) as client:
        tables.show(console(), client.datasets.get(dataset_id), json=json)


@datasets_app.command("preview")
def preview_dataset(
    *,
    dataset_id: DatasetId,
    rows: Annotated[int, typer.Option(min=1, max=100, help="At most so many.")] = 10,
    json: Json = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Show the first examples of a data set."""
    with connect(url, api_key) as client:
        tables.show(console(), client.datasets.preview(dataset_id, rows=rows), json=json)


@datasets_app.command("rm")
def remove_dataset(
    *, dataset_id: DatasetId, json: Json = False, url: Url = None, api_key: ApiKey = None
) -> None:
    """Delete a data set that no job uses."""
    with connect(url, api_key) as client:
        client.datasets.delete(dataset_id)
    typer.echo("{}" if json else f"{dataset_id} is gone.")


def _size(one: UploadSummary) -> str:
    classes = "" if one.classes is None else f", {one.classes:,} classes"
    return f"{one.examples:,} examples, {one.features:,} features{classes}"


def _list(found: Sequence[UploadSummary]) -> RenderableType:
    table = tables.plain_table("id", "what", "name")
    for column, width in zip(table.columns, (36, 24, 14), strict=True):
        column.no_wrap, column.overflow, column.width = True, "ellipsis", width
        column.justify = "left"
    for one in found:
        kind = "number" if one.classes is None else f"{one.classes:,} classes"
        what = f"{one.examples:,} × {one.features:,}, {kind}"
        table.add_row(one.id, what, plain(one.name or NOTHING))
    return table


@tables.describe.register
def _(dataset: UploadedDataset, width: int) -> list[RenderableType]:
    rows = {
        "data set": dataset.id,
        "name": plain(dataset.name or NOTHING),
        "task": f"{dataset.task} of {plain(dataset.target)}",
        "size": _size(dataset),
        "stored": f"{dataset.stored_bytes:,} bytes",
        "uploaded": tables.moment_of(dataset.created_at),
    }
    if dataset.class_counts is not None:
        counts = [f"{plain(one.name)}: {one.examples:,}" for one in dataset.class_counts]
        rest = [f"{len(counts) - _MOST_CLASSES:,} more"] if len(counts) > _MOST_CLASSES else []
        rows["classes"] = ", ".join([*counts[:_MOST_CLASSES], *rest])
    # The target is the last column, and the one to look at first.
    columns = [*dataset.columns[-1:], *dataset.columns[:-1]]
    hidden = len(columns) - _MOST_COLUMNS
    note = [f"The first {_MOST_COLUMNS} of {len(columns):,} columns."] if hidden > 0 else []
    return [tables.card(rows), "", _statistics(columns[:_MOST_COLUMNS]), *note]


def _statistics(columns: Sequence[Column]) -> RenderableType:
    table = tables.plain_table("column", "least", "largest", "mean", "deviation", "distinct")
    for one in columns:
        facts = (one.minimum, one.maximum, one.mean, one.standard_deviation)
        table.add_row(plain(one.name), *map(number, facts), f"{one.distinct:,}")
    return table


@tables.describe.register
def _(preview: Preview, width: int) -> list[RenderableType]:
    texts = [
        [plain(value) if isinstance(value, str) else number(value) for value in row]
        for row in preview.rows
    ]
    heads = [plain(name) for name in preview.columns]
    widest = [max(map(len, column)) for column in zip(heads, *texts, strict=True)]
    parts: list[RenderableType] = []
    for block in tables.blocks_of(widest, width):
        table = tables.plain_table(*(heads[at] for at in block))
        for row in texts:
            table.add_row(*(row[at] for at in block))
        parts.append(table)
    hidden = preview.hidden_columns
    return [*parts, f"{hidden:,} more features are not shown."] if hidden else parts
