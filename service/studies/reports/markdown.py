"""Reports as Markdown."""

import json
from collections.abc import Sequence

from service.domain.findings import Estimate, Figure, JobGroup, Statement, Table, Verdict
from service.domain.study import StudyReport
from service.studies.reports import wording

_MOST_COLUMNS = 6
"""Of a figure told by its numbers, where a page has many of them."""


def as_markdown(reports: Sequence[StudyReport], *, base: str = "") -> str:
    """One document of all reports. `base` is the address of the service that links lead to."""
    heads = [_summary(reports)] if len(reports) > 1 else []
    return "\n\n".join([*heads, *(_report(one, base) for one in reports)]) + "\n"


def as_overview(reports: Sequence[StudyReport], *, command: str) -> str:
    """What all studies found, for people: verdicts, where the folklore did not hold, statements,
    tables, and of figures that no table repeats a few columns. Jobs stand by groups without their
    ids, of which there are thousands, beside the command that lists them."""
    refuted = [
        f"- **{report.study.template}**: {one.text} Refuted{_weight(one)}: {one.quantity} is "
        f"{_estimate(one.estimate)}, stated was {wording.region(one)}."
        for report in reports
        for one in report.findings.statements
        if one.verdict is Verdict.REFUTED
    ]
    parts = [
        "# Findings",
        f"Made by `{command}`, from {sum(r.findings.jobs for r in reports):,} jobs. Intervals are "
        "over seeds; statements of a study are corrected together by Holm (docs/studies.md). `J1` "
        "and the like name the jobs behind a number: each study ends with theirs.",
        _summary(reports),
        "## Where the folklore did not hold",
        "\n".join(refuted) or "It held wherever it was decided.",
        *(part for report in reports for part in _chapter(report)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _chapter(report: StudyReport) -> list[str]:
    findings = report.findings
    shown = {one.model_dump_json() for table in findings.tables for one in _estimates(table)}
    drawn = [
        part
        for figure in findings.figures
        if not all(
            point.y.model_dump_json() in shown for line in figure.series for point in line.points
        )
        for part in _thinned(figure)
    ]
    return [
        f"## {report.title}",
        *_results(report, drawn, deeper="#"),
        _statistic(report),
        *_groups(report),
    ]


def _estimates(table: Table) -> list[Estimate]:
    return [cell for row in table.rows for cell in row if isinstance(cell, Estimate)]


def _thinned(figure: Figure) -> list[str]:
    """A row for each line, with its values at a few places along the axis, both ends among them."""
    places = sorted({point.x for series in figure.series for point in series.points})
    last = len(places) - 1
    steps = min(_MOST_COLUMNS - 1, last)
    chosen = [places[round(i * last / steps)] for i in range(steps + 1)] if steps > 0 else places
    rows = []
    for series in figure.series:
        at = {point.x: _estimate(point.y) for point in series.points}
        rows.append([series.label, *(at.get(place, "") for place in chosen)])
    columns = [f"{figure.y.label} at {figure.x.label}:", *map(wording.number, chosen)]
    return [f"### {figure.title}", _rows(columns, rows), figure.note]


def _groups(report: StudyReport) -> list[str]:
    """The groups of jobs, by how many of which sweeps they are."""
    study, findings = report.study, report.findings
    name_of = {sweep_id: name for name, sweep_id in findings.sweeps.items()}
    alike: dict[str, list[str]] = {}
    for name, group in findings.evidence.items():
        of = ", ".join(name_of.get(one, one) for one in group.sweeps)
        alike.setdefault(f"{len(group.jobs)} of {of}", []).append(f"`{name}`")
    sweeps = ", ".join(f"{name} `{sweep_id}`" for name, sweep_id in findings.sweeps.items())
    return [
        "### Jobs behind the numbers",
        f"Study `{study.id}`; its sweeps: {sweeps}. On the service that ran it `subgrad study "
        f"report {study.id}` lists the jobs of each group by their ids.",
        "\n".join(f"- {', '.join(names)}: {told}" for told, names in alike.items()),
    ]


def _weight(statement: Statement) -> str:
    return "" if statement.decisive else " (not decisive)"


def _summary(reports: Sequence[StudyReport]) -> str:
    rows = [
        [
            one.study.template,
            one.study.claim,
            f"**{one.findings.verdict.value}**",
            wording.summary(one.findings),
        ]
        for one in reports
    ]
    return _rows(["study", "claim", "verdict", ""], rows)


def _report(report: StudyReport, base: str) -> str:
    study, findings = report.study, report.findings
    parts = [
        f"# {report.title}",
        *_results(report, [part for figure in findings.figures for part in _figure(figure)]),
        f"Study [{study.id}]({base}/v1/studies/{study.id}).",
        "## Statistic",
        _statistic(report),
        "## Jobs behind the numbers",
        "\n".join(
            f"- **{name}** {_jobs(group, base)}" for name, group in findings.evidence.items()
        ),
    ]
    return "\n\n".join(part for part in parts if part)


def _results(report: StudyReport, figures: Sequence[str], deeper: str = "") -> list[str]:
    study, findings = report.study, report.findings
    options = json.dumps(study.options, sort_keys=True)
    return [
        f"> {study.claim}",
        f"**{findings.verdict.value.capitalize()}.** {wording.summary(findings)}",
        f"Scale {study.scale.value}, {findings.jobs:,} jobs in {len(findings.sweeps)} sweeps; "
        f"options `{options}`.",
        f"{deeper}## Statements",
        *(
            f"{at}. **{one.text}** {wording.decision(one)}.\n   {one.quantity}: "
            f"{_estimate(one.estimate)}; stated: {wording.region(one)}."
            f"{_weight(one)}"
            for at, one in enumerate(findings.statements, start=1)
        ),
        *(
            f"{deeper}{part}" if part.startswith("#") else part
            for table in findings.tables
            for part in _table(table)
        ),
        *figures,
        f"{deeper}## Remarks" if findings.remarks else "",
        "\n".join(f"- {one}" for one in findings.remarks),
    ]


def _statistic(report: StudyReport) -> str:
    return f"{report.statistic}\n\nSource of the claim: {report.source}."


def _estimate(of: Estimate) -> str:
    return wording.estimate(of) + (f" `{of.jobs}`" if of.jobs else "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _rows(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _table(table: Table) -> list[str]:
    rows = [[one if isinstance(one, str) else _estimate(one) for one in row] for row in table.rows]
    return [f"## {table.title}", _rows(table.columns, rows), table.note]


def _figure(figure: Figure) -> list[str]:
    """A figure by its numbers: Markdown draws nothing."""
    rows = [
        [series.label, wording.number(point.x), _estimate(point.y)]
        for series in figure.series
        for point in series.points
    ]
    return [f"## {figure.title}", _rows(["", figure.x.label, figure.y.label], rows), figure.note]


def _jobs(group: JobGroup, base: str) -> str:
    sweeps = ", ".join(f"[{one}]({base}/sweeps/{one})" for one in group.sweeps)
    jobs = ", ".join(f"[{one}]({base}/jobs/{one})" for one in group.jobs)
    return f"{len(group.jobs)} jobs of {sweeps}: {jobs}"
