"""Reports as Markdown."""

import json
from collections.abc import Sequence

from service.domain.findings import Estimate, Figure, JobGroup, Table
from service.studies.reports import wording
from service.studies.reports.report import StudyReport


def as_markdown(reports: Sequence[StudyReport], *, base: str = "") -> str:
    """One document of all reports. `base` is the address of the service that links lead to."""
    if len(reports) == 1:
        return _report(reports[0], base) + "\n"
    heads = ["| study | claim | verdict | |", "|---|---|---|---|"]
    heads += [
        f"| {one.study.template} | {_cell(one.study.claim)} | **{one.findings.verdict.value}** "
        f"| {wording.summary(one.findings)} |"
        for one in reports
    ]
    return "\n\n".join(["\n".join(heads), *(_report(one, base) for one in reports)]) + "\n"


def _report(report: StudyReport, base: str) -> str:
    study, findings = report.study, report.findings
    options = json.dumps(study.options, sort_keys=True)
    parts = [
        f"# {report.title}",
        f"> {study.claim}",
        f"**{findings.verdict.value.capitalize()}.** {wording.summary(findings)}",
        f"Scale {study.scale.value}, {findings.jobs:,} jobs in {len(findings.sweeps)} sweeps, "
        f"study [{study.id}]({base}/v1/studies/{study.id}); options `{options}`.",
        "## Statements",
        *(
            f"{at}. **{one.text}** {wording.decision(one)}.\n   {one.quantity}: "
            f"{_estimate(one.estimate)}; stated: {wording.region(one)}."
            f"{'' if one.decisive else ' (not decisive)'}"
            for at, one in enumerate(findings.statements, start=1)
        ),
        *(part for table in findings.tables for part in _table(table)),
        *(part for figure in findings.figures for part in _figure(figure)),
        "## Remarks" if findings.remarks else "",
        "\n".join(f"- {one}" for one in findings.remarks),
        "## Statistic",
        report.statistic,
        f"Source of the claim: {report.source}.",
        "## Jobs behind the numbers",
        "\n".join(
            f"- **{name}** {_jobs(group, base)}" for name, group in findings.evidence.items()
        ),
    ]
    return "\n\n".join(part for part in parts if part)


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
