"""The command that looks for what is wrong: `doctor`."""

import json as json_format
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from service.cli.program import ApiKey, ExitCode, Json, Url, app, connect, console, read_settings
from service.cli.text import plain

if TYPE_CHECKING:
    from service.doctor import Finding

_MARKS = {"ok": "ok", "warning": "WARN", "failed": "FAIL", "unknown": "?"}


@app.command()
def doctor(*, url: Url = None, api_key: ApiKey = None, json: Json = False) -> None:
    """Look for what is wrong with the service, and say what to do about it.

    Of this machine's settings: database, broker, dispatch, workers, devices, clock, disk. With
    --url or SUBGRAD_URL: what can be seen of that service from outside. Ends with 1 where
    something failed.
    """
    found = []
    for finding in _examine(url, api_key):
        found.append(finding)
        if not json:
            _show(finding)
    if json:
        typer.echo(json_format.dumps([asdict(one) for one in found]))
    if any(one.verdict == "failed" for one in found):
        raise typer.Exit(ExitCode.FAILED)


def _examine(url: str | None, api_key: str | None) -> "Iterator[Finding]":
    from service.doctor import examine_here, examine_there  # noqa: PLC0415  (see service.cli.local)

    settings = read_settings()
    if not (url or settings.url):
        yield from examine_here(settings)
        return
    with connect(url, api_key) as client:
        yield from examine_there(client)


def _show(finding: "Finding") -> None:
    console().print(f"{_MARKS[finding.verdict]:<5}{finding.check}: {plain(finding.detail)}")
    if finding.advice is not None:
        console().print(f"     {plain(finding.advice)}")
