"""The commands about jobs. Where an id is asked for, that of a sweep does as well."""

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
from service.domain.states import JobStatus, Outcome

JobOrSweep = Annotated[str, typer.Argument(metavar="ID", help="Id of a job or of a sweep.")]
JobId = Annotated[str, typer.Argument(metavar="ID", help="Id of a job.")]


def is_sweep(resource_id: str) -> bool:
    return resource_id.startswith("swp_")


@app.command()
def submit(
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
    """Queue the job that a file describes."""
    spec = read_file(file)
    with connect(url, api_key) as client:
        if dry_run:
            plan = client.jobs.create(spec, priority=priority, dry_run=True)
            tables.show(console(), plan, json=json)
            return
        job = client.jobs.create(spec, priority=priority, idempotency_key=idempotency_key)
        if watch:
            watching.follow_job(client, job.id, console(), json=json)
        elif json:
            typer.echo(tables.as_json(job))
        else:
            typer.echo(f"{job.id} is {job.status}.")
            typer.echo(f"Follow it: subgrad watch {job.id}")


@app.command()
def watch(
    *, resource_id: JobOrSweep, json: Json = False, url: Url = None, api_key: ApiKey = None
) -> None:
    """Follow a job or a sweep until it has ended: bars and sparklines, lines where the output is
    no terminal, JSON lines with --json."""
    follow = watching.follow_sweep if is_sweep(resource_id) else watching.follow_job
    with connect(url, api_key) as client:
        follow(client, resource_id, console(), json=json)


@app.command("ls")
def list_all(
    *,
    status: Annotated[JobStatus | None, typer.Option(help="Only in this state.")] = None,
    outcome: Annotated[Outcome | None, typer.Option(help="Only with this outcome.")] = None,
    sweep: Annotated[str | None, typer.Option(help="Only members of this sweep.")] = None,
    study: Annotated[str | None, typer.Option(help="Only jobs of this study.")] = None,
    activation: Annotated[str | None, typer.Option(help="Only with this activation.")] = None,
    name: Annotated[str | None, typer.Option(help="Only with exactly this name.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    json: Json = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """List jobs, newest first."""
    with connect(url, api_key) as client:
        found = client.jobs.list(
            status=status,
            outcome=outcome,
            sweep_id=sweep,
            study_id=study,
            activation=activation,
            name=name,
            page_size=min(limit, 200),
        )
        tables.show_list(console(), list(islice(found, limit)), json=json)


@app.command()
def show(
    *, resource_id: JobOrSweep, json: Json = False, url: Url = None, api_key: ApiKey = None
) -> None:
    """Show a job or a sweep."""
    with connect(url, api_key) as client:
        get = client.sweeps.get if is_sweep(resource_id) else client.jobs.get
        tables.show(console(), get(resource_id), json=json)


@app.command()
def cancel(
    *, resource_id: JobOrSweep, json: Json = False, url: Url = None, api_key: ApiKey = None
) -> None:
    """Cancel a job, or the members of a sweep that have not ended."""
    with connect(url, api_key) as client:
        move = client.sweeps.cancel if is_sweep(resource_id) else client.jobs.cancel
        tables.show(console(), move(resource_id), json=json)


@app.command()
def retry(
    *, resource_id: JobOrSweep, json: Json = False, url: Url = None, api_key: ApiKey = None
) -> None:
    """Queue a failed or cancelled job again, or those among a sweep's members."""
    with connect(url, api_key) as client:
        move = client.sweeps.retry if is_sweep(resource_id) else client.jobs.retry
        tables.show(console(), move(resource_id), json=json)


@app.command()
def diagnose(
    *,
    job_id: JobId,
    treat: Annotated[
        bool, typer.Option("--treat", help="Also run the treatments, and see which help.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Wait until the treatments have been tried.")
    ] = False,
    json: Json = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Tell what went wrong with a job that has ended, with the evidence and the treatments."""
    with connect(url, api_key) as client:
        found = client.jobs.diagnose(job_id, treat=treat)
        if watch and found.trial is not None:
            client.sweeps.wait(found.trial.sweep_id)
            found = client.jobs.diagnose(job_id)
    tables.show(console(), found, json=json)


@app.command("rm")
def remove(*, job_id: JobId, json: Json = False, url: Url = None, api_key: ApiKey = None) -> None:
    """Delete a job that has ended, with everything that it measured."""
    with connect(url, api_key) as client:
        client.jobs.delete(job_id)
    typer.echo("{}" if json else f"{job_id} is gone.")
