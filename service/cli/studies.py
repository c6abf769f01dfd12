"""The commands about studies: `subgrad study …`."""

import json as json_module
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli import tables
from service.cli.program import ApiKey, ExitCode, Json, Url, app, connect, console, fail
from service.client import Subgrad
from service.domain.states import JobStatus
from service.domain.study import Scale, StudyReport
from service.studies.reports import as_html, as_markdown, as_overview

study_app = typer.Typer(no_args_is_help=True, help="Test claims: sweeps, statistics, verdicts.")
app.add_typer(study_app, name="study")

StudyId = Annotated[str, typer.Argument(metavar="ID", help="Id of a study.")]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Write the report here: .md, .html or .json. Of all: .md, and .html beside it.",
    ),
]


@study_app.command("templates")
def list_templates(*, json: Json = False, url: Url = None, api_key: ApiKey = None) -> None:
    """List the claims that can be tested."""
    with connect(url, api_key) as client:
        found = client.studies.templates()
    if json:
        typer.echo(tables.as_json(found))
        return
    for one in found.templates:
        console().print(f"{one.name}\n  {one.claim}")


@study_app.command("ls")
def list_studies(
    *,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    template: Annotated[str | None, typer.Option(help="Only of this template.")] = None,
    json: Json = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """List studies, newest first."""
    with connect(url, api_key) as client:
        studies = client.studies.list(template=template, page_size=min(limit, 200))
        tables.show_list(console(), list(islice(studies, limit)), json=json)


@study_app.command("show")
def show_study(
    *, study_id: StudyId, json: Json = False, url: Url = None, api_key: ApiKey = None
) -> None:
    """Show where a study stands."""
    with connect(url, api_key) as client:
        tables.show(console(), client.studies.get(study_id), json=json)


@study_app.command("cancel")
def cancel_study(
    *, study_id: StudyId, json: Json = False, url: Url = None, api_key: ApiKey = None
) -> None:
    """End a study without a verdict, and cancel its jobs."""
    with connect(url, api_key) as client:
        tables.show(console(), client.studies.cancel(study_id), json=json)


@study_app.command("report")
def show_report(
    *,
    study_id: StudyId,
    output: Output = None,
    json: Json = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Print what a study found, as Markdown, or write it into a file."""
    with connect(url, api_key) as client:
        report = client.studies.report(study_id)
        base = client.base_url
    if output is not None:
        _write(output, _render(output, report, base))
    elif json:
        typer.echo(tables.as_json(report))
    else:
        typer.echo(as_markdown([report], base=base), nl=False)


@study_app.command("run")
def run_study(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A template, or `all` of them.")],
    scale: Annotated[Scale, typer.Option(help="How much to train.")] = Scale.QUICK,
    seeds: Annotated[int | None, typer.Option(help="Seeds of every cell.")] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="OPTION=JSON", help="Another option; may be repeated."),
    ] = None,
    output: Output = None,
    json: Json = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Run a study and print its verdict; `all`: one after another, into one report."""
    overrides = _overrides(changes or [], seeds)
    with connect(url, api_key) as client:
        everything = name == "all"
        names = [one.name for one in client.studies.templates().templates] if everything else [name]
        reports = [
            report
            for one in names
            if (report := _run(client, one, scale, overrides, json=json)) is not None
        ]
        base = client.base_url
    if output is not None and reports:
        if everything:
            command = f"subgrad study run all --scale {scale.value}"
            _write(output, as_overview(reports, command=command))
            _write(output.with_suffix(".html"), as_html(reports, base=base))
        else:
            _write(output, _render(output, reports[0], base))
    if len(reports) < len(names):
        raise typer.Exit(ExitCode.FAILED)


def _run(
    client: Subgrad, name: str, scale: Scale, overrides: dict[str, Any], *, json: bool
) -> StudyReport | None:
    """Runs one to its end and tells its verdict; None where it came to none."""
    posted = client.studies.create(name, scale=scale, overrides=overrides)
    if not json:
        typer.echo(f"{posted.id} tests {name} at {scale.value} scale …")
    study = client.studies.wait(posted.id)
    if study.status is not JobStatus.SUCCEEDED:
        if json:
            typer.echo(tables.as_json(study))
        else:
            tables.show(console(), study, json=False)
        return None
    report = client.studies.report(study.id)
    if json:
        typer.echo(tables.as_json(report))
    else:
        tell(report)
    return report


def tell(report: StudyReport) -> None:
    """Verdict and statements, and how long it took."""
    tables.show(console(), report, json=False)


def _overrides(changes: list[str], seeds: int | None) -> dict[str, Any]:
    overrides: dict[str, Any] = {} if seeds is None else {"seeds": seeds}
    for change in changes:
        option, equals, text = change.partition("=")
        if not equals:
            fail(ExitCode.USAGE, f"--set {change}: write OPTION=VALUE, the value as JSON.")
        try:
            overrides[option] = json_module.loads(text)
        except ValueError:
            overrides[option] = text
    return overrides


def _render(output: Path, report: StudyReport, base: str) -> str:
    if output.suffix == ".html":
        return as_html([report], base=base)
    if output.suffix == ".json":
        return tables.as_json(report) + "\n"
    return as_markdown([report], base=base)


def _write(output: Path, text: str) -> None:
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        fail(ExitCode.USAGE, f"Cannot write {output}: {error.strerror}.")
    typer.echo(f"Written: {output}", err=True)
