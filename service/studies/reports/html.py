"""Reports as one HTML page that stands alone: no script, one style sheet, drawings inline."""

import base64
import hashlib
import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files

from service.domain.findings import Estimate, Figure, JobGroup, Table
from service.domain.study import StudyReport
from service.studies.reports import wording
from service.studies.reports.svg import draw

_STYLE = files("service.studies.reports").joinpath("report.css").read_text(encoding="utf-8")
STYLE_HASH = "sha256-" + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
"""Of the page's only style sheet, as a Content-Security-Policy names it."""


def as_html(reports: Sequence[StudyReport], *, base: str = "") -> str:
    """One page of all reports. `base` is the address of the service that links lead to."""
    title = reports[0].title if len(reports) == 1 else f"{len(reports)} studies"
    pages = [_Page(one, base, "" if len(reports) == 1 else f"{one.study.id}-") for one in reports]
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style></head><body><main>",
        *([] if len(reports) == 1 else [_contents(reports)]),
        *(page.html() for page in pages),
        "</main></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _contents(reports: Sequence[StudyReport]) -> str:
    rows = "\n".join(
        f'<tr><th scope="row"><a href="#{one.study.id}">{escape(one.study.template)}</a></th>'
        f"<td>{escape(one.study.claim)}</td>{_verdict(one.findings.verdict.value, 'td')}"
        f"<td>{escape(wording.summary(one.findings))}</td></tr>"
        for one in reports
    )
    head = "<tr><th>study</th><th>claim</th><th>verdict</th><th></th></tr>"
    return f"<h1>{len(reports)} studies</h1>\n<table>{head}\n{rows}</table>"


def _verdict(verdict: str, tag: str) -> str:
    return f'<{tag} class="verdict {verdict}">{verdict}</{tag}>'


class _Page:
    """One report. `prefix` keeps the anchors of several apart."""

    def __init__(self, report: StudyReport, base: str, prefix: str) -> None:
        self._report, self._base, self._prefix = report, base, prefix

    def html(self) -> str:
        study, findings = self._report.study, self._report.findings
        options = escape(json.dumps(study.options, sort_keys=True))
        remarks = "".join(f"<li>{escape(one)}</li>" for one in findings.remarks)
        parts = [
            f'<article id="{study.id}">',
            f"<h1>{escape(study.template)}: {_verdict(findings.verdict.value, 'span')}</h1>",
            f"<blockquote>{escape(study.claim)}</blockquote>",
            f"<p>{escape(wording.summary(findings))}</p>",
            f"<p class=note>Scale {study.scale.value}, {findings.jobs:,} jobs in "
            f"{len(findings.sweeps)} sweeps, study "
            f'<a href="{self._base}/v1/studies/{study.id}">{study.id}</a>; options '
            f"<code>{options}</code></p>",
            self._statements(),
            *map(self._table, findings.tables),
            *map(self._figure, findings.figures),
            f"<h2>Remarks</h2><ul>{remarks}</ul>" if remarks else "",
            f"<h2>Statistic</h2><p>{escape(self._report.statistic)}</p>",
            f"<p>Source of the claim: {escape(self._report.source)}.</p>",
            "<h2>Jobs behind the numbers</h2><dl>",
            *(self._jobs(name, group) for name, group in findings.evidence.items()),
            "</dl></article>",
        ]
        return "\n".join(part for part in parts if part)

    def _statements(self) -> str:
        rows = "\n".join(
            f"<tr><td>{escape(one.text)}{'' if one.decisive else ' <em>(not decisive)</em>'}</td>"
            f"<td>{escape(one.quantity)}: {self._estimate(one.estimate)}<br>stated: "
            f"{escape(wording.region(one))}</td>"
            f'<td class="verdict {one.verdict.value}">{escape(wording.decision(one))}</td></tr>'
            for one in self._report.findings.statements
        )
        head = "<tr><th>statement</th><th>estimate</th><th>verdict</th></tr>"
        return f"<h2>Statements</h2>\n<table>{head}\n{rows}</table>"

    def _estimate(self, of: Estimate) -> str:
        text = escape(wording.estimate(of))
        if of.jobs is None:
            return text
        return f'<a href="#{self._prefix}{of.jobs}" title="jobs {of.jobs}">{text}</a>'

    def _table(self, table: Table) -> str:
        head = "".join(f"<th>{escape(one)}</th>" for one in table.columns)
        rows = "\n".join(
            f"<tr>{''.join(f'<td>{self._cell(one)}</td>' for one in row)}</tr>"
            for row in table.rows
        )
        note = f"<p class=note>{escape(table.note)}</p>" if table.note else ""
        return f"<h2>{escape(table.title)}</h2>\n<table><tr>{head}</tr>\n{rows}</table>{note}"

    def _cell(self, cell: str | Estimate) -> str:
        return escape(cell) if isinstance(cell, str) else self._estimate(cell)

    def _figure(self, figure: Figure) -> str:
        drawn = draw(figure).replace('href="#', f'href="#{self._prefix}')
        note = f" {escape(figure.note)}" if figure.note else ""
        caption = f"<figcaption>{escape(figure.title)}.{note}</figcaption>"
        return f"<figure>{drawn}{caption}</figure>"

    def _jobs(self, name: str, group: JobGroup) -> str:
        sweeps = ", ".join(self._link("sweeps", one) for one in group.sweeps)
        jobs = ", ".join(self._link("jobs", one) for one in group.jobs)
        return (
            f'<dt id="{self._prefix}{name}">{name}</dt><dd>{len(group.jobs)} jobs of {sweeps}: '
            f"{jobs}</dd>"
        )

    def _link(self, kind: str, resource_id: str) -> str:
        return f'<a href="{self._base}/{kind}/{resource_id}">{resource_id}</a>'
