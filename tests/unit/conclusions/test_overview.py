"""The page of all studies for people."""

import re

import pytest

from service.domain.findings import Estimate, Verdict
from service.domain.study import StudyReport
from service.studies.reports import as_overview, wording
from tests.unit.conclusions.everything import EVIDENCE, report_of

COMMAND = "subgrad study run all --scale quick"


@pytest.fixture(scope="module")
def reports() -> list[StudyReport]:
    return [report_of(name) for name in EVIDENCE]


@pytest.fixture(scope="module")
def page(reports: list[StudyReport]) -> str:
    return as_overview(reports, command=COMMAND)


def section(page: str, heading: str) -> str:
    """From a heading to the next of its level, or of one above."""
    level = len(heading.split(maxsplit=1)[0])
    start = page.index(f"\n{heading}") + 1
    end = re.search(rf"^#{{1,{level}}} ", page[start + len(heading) :], re.MULTILINE)
    return page[start:] if end is None else page[start : start + len(heading) + end.start()]


def test_what_the_folklore_got_wrong_stands_first(page: str, reports: list[StudyReport]) -> None:
    told = section(page, "## Where the folklore did not hold").splitlines()
    refuted = [
        (one.study.template, statement)
        for one in reports
        for statement in one.findings.statements
        if statement.verdict is Verdict.REFUTED
    ]
    lines = [line for line in told if line.startswith("- ")]
    assert len(lines) == len(refuted) > 3
    for line, (template, statement) in zip(lines, refuted, strict=True):
        assert line.startswith(f"- **{template}**: {statement.text}")
        assert wording.estimate(statement.estimate) in line
        assert ("(not decisive)" in line) is not statement.decisive
    supported = [one for one in reports if one.findings.verdict is Verdict.SUPPORTED]
    alone = as_overview(supported[:1], command=COMMAND)
    assert "It held wherever it was decided." in alone


def test_it_says_how_it_was_made(page: str, reports: list[StudyReport]) -> None:
    jobs = sum(one.findings.jobs for one in reports)
    assert f"Made by `{COMMAND}`, from {jobs:,} jobs." in page


def test_every_number_names_jobs_that_are_told(page: str, reports: list[StudyReport]) -> None:
    for one in reports:
        chapter = section(page, f"## {one.title}")
        behind = section(chapter, "### Jobs behind the numbers")
        assert set(re.findall(r"`(J[0-9]+)`", chapter)) == set(one.findings.evidence)
        assert f"subgrad study report {one.study.id}" in behind
        for name, sweep_id in one.findings.sweeps.items():
            assert f"{name} `{sweep_id}`" in behind
        for name, group in one.findings.evidence.items():
            (line,) = [text for text in behind.splitlines() if f"`{name}`" in text and ": " in text]
            assert line.rsplit(": ", 1)[1].startswith(f"{len(group.jobs)} of ")


@pytest.mark.parametrize(
    ("study", "figure", "label"),
    [
        ("softplus-limit", "Training curves", "softplus, beta 10"),
        ("vanishing-gradient", "Gradient norm by layer at depth 30", "tanh"),
        ("mse-versus-mae", "The gap over the steps (linear data)", "mae, decaying"),
    ],
)
def test_a_figure_that_no_table_repeats_is_told_at_a_few_places(
    page: str, reports: list[StudyReport], study: str, figure: str, label: str
) -> None:
    (one,) = [report for report in reports if report.study.template == study]
    (drawn,) = [found for found in one.findings.figures if found.title == figure]
    (series,) = [found for found in drawn.series if found.label == label]
    lines = section(section(page, f"## {one.title}"), f"### {figure}").splitlines()
    heading, row = lines[2], next(line for line in lines if line.startswith(f"| {label} |"))
    places = heading.strip("| ").split(" | ")[1:]
    assert 2 <= len(places) <= 6
    at = {wording.number(point.x): point.y for point in series.points}
    assert places[0] == wording.number(series.points[0].x)
    assert places[-1] == wording.number(series.points[-1].x)
    for place, cell in zip(places, row.strip("| ").split(" | ")[1:], strict=True):
        assert cell == f"{wording.estimate(at[place])} `{at[place].jobs}`"


def test_a_figure_whose_numbers_stand_in_a_table_is_left_out(
    page: str, reports: list[StudyReport]
) -> None:
    (one,) = [report for report in reports if report.study.template == "activation-cost"]
    (figure,) = one.findings.figures
    cells = [cell for row in one.findings.tables[0].rows for cell in row]
    points = [point.y for series in figure.series for point in series.points]
    assert all(point in [cell for cell in cells if isinstance(cell, Estimate)] for point in points)
    assert f"### {figure.title}" not in page
