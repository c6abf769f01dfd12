"""The command that removes old jobs. It works on the database of the settings: what it removes is
everybody's."""

import json as json_format
from collections import Counter
from typing import Annotated

import typer

from service.cli.database import open_database, seconds_of
from service.cli.program import ExitCode, Json, app, fail, read_settings
from service.domain.states import TERMINAL, JobStatus

_AT_A_TIME = 500


@app.command()
def prune(
    *,
    older_than: Annotated[
        str, typer.Option(metavar="TIME", help="Remove what ended longer ago, such as 90d.")
    ],
    status: Annotated[
        list[JobStatus] | None,
        typer.Option(help="Jobs in this state alone; may be given again. Else all that ended."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell how many they are; remove nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Remove jobs that ended long ago, with everything that was measured of them.

    What studies and trials use is kept. Sweeps go when their last member has gone.
    """
    older_than_s = seconds_of(older_than)
    statuses = set(status or TERMINAL)
    if statuses - TERMINAL:
        fail(
            ExitCode.USAGE, "--status: one of succeeded, failed, cancelled; others have not ended."
        )
    removed, sweeps, objects = _remove(older_than_s, statuses, dry_run=dry_run)
    if json:
        told = {"dry_run": dry_run, "jobs": dict(removed), "sweeps": sweeps, "objects": objects}
        typer.echo(json_format.dumps(told))
        return
    by_state = ", ".join(f"{removed[one]:,} {one}" for one in sorted(removed)) or "none"
    would = "would be removed" if dry_run else "removed"
    typer.echo(f"Jobs {would}: {by_state}.")
    if sweeps:
        typer.echo(f"Sweeps without members removed: {sweeps:,}.")
    if objects:
        typer.echo(f"Objects that nobody needs any more removed: {objects:,}.")


def _remove(
    older_than_s: float, statuses: set[JobStatus], *, dry_run: bool
) -> tuple[Counter[JobStatus], int, int]:
    from service.artifacts import Store, sweep_all  # noqa: PLC0415  (see service.cli.local)
    from service.db import pruning  # noqa: PLC0415

    removed: Counter[JobStatus] = Counter()
    sweeps = 0
    with open_database() as database:
        if dry_run:
            with database.reading() as session:
                old = pruning.count_old(session, older_than_s=older_than_s, statuses=statuses)
            return Counter(old), 0, 0
        # Some at a time, each a transaction: nobody waits for long, and it can be broken off.
        while True:
            with database.writing() as session:
                gone = pruning.remove_old(
                    session, older_than_s=older_than_s, statuses=statuses, limit=_AT_A_TIME
                )
            if not gone:
                break
            removed.update(gone)
        while True:
            with database.writing() as session:
                empty = pruning.remove_empty_sweeps(
                    session, older_than_s=older_than_s, limit=_AT_A_TIME
                )
            sweeps += empty
            if not empty:
                break
        # Dispatch does, too; who prunes wants the room now.
        return removed, sweeps, sweep_all(database, Store(read_settings().artifacts_url))
