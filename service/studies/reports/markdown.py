"""Reports as Markdown."""

import json
import re
from collections.abc import Sequence

from service.domain.findings import Estimate, Figure, JobGroup, Statement, Table, Verdict
from service.domain.study import StudyReport
from service.studies.reports import wording

_NAMES = re.compile(r" `J[0-9]+`")
"""What names a group of jobs, where no list of them follows."""


def as_markdown(reports: Sequence[StudyReport], *, base: str = "") -> str:
    """One document of all reports. `base` is the address of the service that links lead to."""
    heads = [_summary(reports)] if len(reports) > 1 else []
    return "\n\n".join([*heads, *(_report(one, base) for one in reports)]) + "\n"


def as_overview(reports: Sequence[StudyReport], *, command: str) -> str:
    """What all studies found, for people: verdicts, where the folklore did not hold, statements
    and tables. Without lists of jobs, which the other forms have."""
    refuted = [
        f"- **{report.study.template}**: {one.text} Refuted{_weight(one)}: {one.quantity} is "
        f"{wording.estimate(one.estimate)}, stated was "
        f"{wording.region(one)}."
        for report in reports
        for one in report.findings.statements
        if one.verdict is Verdict.REFUTED
    ]
    parts = [
        "# Findings",
        f"Made by `{command}`, from {sum(r.findings.jobs for r in reports):,} jobs. Intervals are "
        "over seeds; statements of a study are corrected together by Holm (docs/studies.md).",
        _summary(reports),
        "## Where the folklore did not hold",
        "\n".join(refuted) or "It held wherever it was decided.",
        *(
            part
            for report in reports
            for part in (f"## {report.title}", *_results(report, deeper="#"), _statistic(report))
        ),
    ]
    return _NAMES.sub("", "\n\n".join(part for part in parts if part)) + "\n"


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
        *_results(report),
        f"Study [{study.id}]({base}/v1/studies/{study.id}).",
        "## Statistic",
        _statistic(report),
        "## Jobs behind the numbers",
        "\n".join(
            f"- **{name}** {_jobs(group, base)}" for name, group in findings.evidence.items()
        ),
    ]
    return "\n\n".join(part for part in parts if part)


def _results(report: StudyReport, deeper: str = "") -> list[str]:
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
        *([] if deeper else [part for figure in findings.figures for part in _figure(figure)]),
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
