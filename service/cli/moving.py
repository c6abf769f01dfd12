"""The command that moves bytes between the database and the object store. It works on both of the
settings."""

import json as json_format
from enum import StrEnum
from typing import Annotated

import typer

from service.cli.database import open_database
from service.cli.program import ExitCode, Json, app, fail, read_settings
from service.domain.errors import StoreUnavailable

artifacts = typer.Typer(no_args_is_help=True, help="What is kept in an object store.")
app.add_typer(artifacts, name="artifacts")


class Place(StrEnum):
    STORE = "store"
    DATABASE = "database"


@artifacts.callback()
def _group() -> None:
    """A group, though of one command: there is room for more."""


@artifacts.command()
def move(
    *,
    to: Annotated[Place, typer.Option(help="Where to.")],
    json: Json = False,
) -> None:
    """Move the bytes of final weights and uploaded data sets into the store or back.

    The service may run meanwhile, and this may be broken off and begun again.
    """
    from service.artifacts import Store, sweep_all  # noqa: PLC0415  (see service.cli.local)
    from service.artifacts.moving import move_all  # noqa: PLC0415

    store = Store(read_settings().artifacts_url)
    if to is Place.STORE and not store.takes_objects:
        fail(ExitCode.USAGE, "SUBGRAD_ARTIFACTS_URL names no store.")
    moved, lost = 0, []
    with open_database() as database:
        try:
            for complaint in move_all(database, store, into_store=to is Place.STORE):
                if complaint is None:
                    moved += 1
                else:
                    lost.append(complaint)
            removed = sweep_all(database, store)
        except StoreUnavailable as error:
            fail(ExitCode.UNREACHABLE, f"{moved:,} moved, then: {error}")
    if json:
        told = {"moved": moved, "removed": removed, "lost": lost}
        typer.echo(json_format.dumps(told))
    else:
        typer.echo(f"Moved: {moved:,}. Objects removed that nobody needs any more: {removed:,}.")
        for complaint in lost:
            typer.echo(complaint, err=True)
    if lost:
        raise typer.Exit(ExitCode.FAILED)
