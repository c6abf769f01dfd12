"""The commands about API keys. They work on the database of the settings and not through the API,
so that the first key can be made, and so that no key can make another."""

import re
from datetime import UTC, datetime
from typing import Annotated

import typer

from service.cli.database import open_database, seconds_of
from service.cli.program import ExitCode, Json, app, console, fail
from service.domain.access import ApiKey, Scope

keys_app = typer.Typer(no_args_is_help=True, help="API keys: create, list, rotate, revoke.")
app.add_typer(keys_app, name="keys")

KeyId = Annotated[str, typer.Argument(metavar="ID", help="Id of a key, as `ls` shows it.")]

Expires = Annotated[
    str | None, typer.Option("--expires", metavar="TIME", help="Such as 90d. Else never.")
]


@keys_app.command()
def create(
    *,
    name: Annotated[str, typer.Argument(help="What the key is for: shown in lists and logs.")],
    scope: Annotated[
        list[Scope] | None, typer.Option(help="May be given again. Else read and write.")
    ] = None,
    owner: Annotated[
        str | None,
        typer.Option(
            help="Whose the key's jobs are. Keys of one owner see the same; `default` owns what "
            "was made without a key. Else the key is its own owner."
        ),
    ] = None,
    expires: Expires = None,
    json: Json = False,
) -> None:
    """Make a key and show it, once."""
    if not 1 <= len(name) <= 200 or not name.isprintable():
        fail(ExitCode.USAGE, "NAME: 1 to 200 printable characters.")
    expires_s = None if expires is None else seconds_of(expires)
    if owner is not None and not re.fullmatch(r"[A-Za-z0-9._@-]{1,40}", owner):
        fail(ExitCode.USAGE, "--owner: 1 to 40 letters, digits and . _ @ -")
    from service.db import keys  # noqa: PLC0415  (see service.cli.local)

    with open_database() as database, database.writing() as session:
        key, token = keys.create(
            session,
            name=name,
            scopes=scope or [Scope.READ, Scope.WRITE],
            owner=owner,
            expires_s=expires_s,
        )
    _show_new(key, token, json=json)


@keys_app.command("ls")
def list_all(*, json: Json = False) -> None:
    """List all keys; the keys themselves are not known any more."""
    from service.db import keys  # noqa: PLC0415

    with open_database() as database, database.reading() as session:
        found = keys.list_all(session)
    if json:
        typer.echo("[" + ",".join(key.model_dump_json() for key in found) + "]")
        return
    if not found:
        typer.echo("There are no keys: whoever reaches the service may use it.", err=True)
    for key in found:
        used = f"used {_day(key.last_used_at)}" if key.last_used_at else "never used"
        typer.echo(f"{key.id}  {_state(key)}, {used}")
        console().print(f"  {', '.join(key.scopes)} for {key.owner}: {key.name}")


@keys_app.command()
def rotate(
    *,
    key_id: KeyId,
    overlap: Annotated[
        str, typer.Option(metavar="TIME", help="How long the old key works on.")
    ] = "24h",
    expires: Expires = None,
    json: Json = False,
) -> None:
    """Make a key that follows another: same name, owner and scopes. The old one still works for a
    while."""
    overlap_s, expires_s = seconds_of(overlap), None if expires is None else seconds_of(expires)
    from service.db import keys  # noqa: PLC0415

    with open_database() as database, database.writing() as session:
        key, token = keys.rotate(session, key_id, overlap_s=overlap_s, expires_s=expires_s)
    _show_new(key, token, json=json)


@keys_app.command()
def revoke(*, key_id: KeyId, json: Json = False) -> None:
    """Make a key useless at once."""
    from service.db import keys  # noqa: PLC0415

    with open_database() as database, database.writing() as session:
        key = keys.revoke(session, key_id)
    typer.echo(key.model_dump_json() if json else f"{key.id} ({key.name}) is revoked.")


def _show_new(key: ApiKey, token: str, *, json: bool) -> None:
    if json:
        typer.echo(f'{{"token":"{token}","key":{key.model_dump_json()}}}')
        return
    typer.echo(token)
    until = f"until {_day(key.expires_at)}" if key.expires_at else "until it is revoked"
    typer.echo(f"{key.id}: {', '.join(key.scopes)} for {key.owner}, {until}.", err=True)
    typer.echo("It is not shown again. Use it as SUBGRAD_API_KEY.", err=True)


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return f"revoked {_day(key.revoked_at)}"
    if key.expires_at is None:
        return "valid"
    is_over = key.expires_at <= datetime.now(UTC)
    return f"expired {_day(key.expires_at)}" if is_over else f"until {_day(key.expires_at)}"


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
