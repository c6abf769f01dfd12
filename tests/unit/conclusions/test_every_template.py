"""What holds of the conclusions of all templates."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from service.domain.findings import Estimate, Findings, Kind
from service.studies import templates
from tests.architecture.tree import ROOT
from tests.unit.conclusions.everything import EVIDENCE, digests, report_of


def estimates(findings: Findings) -> Iterator[Estimate]:
    yield from (one.estimate for one in findings.statements)
    for table in findings.tables:
        yield from (cell for row in table.rows for cell in row if isinstance(cell, Estimate))
    for figure in findings.figures:
        yield from (point.y for series in figure.series for point in series.points)


def test_there_is_evidence_for_every_template() -> None:
    assert list(EVIDENCE) == list(templates())


@pytest.mark.parametrize("name", EVIDENCE)
def test_every_number_that_is_no_theory_has_its_jobs(name: str) -> None:
    findings = report_of(name).findings
    of_study = {job for group in findings.evidence.values() for job in group.jobs}
    assert len(of_study) == findings.jobs, "no job is left out"
    for one in estimates(findings):
        if one.kind is Kind.THEORY:
            assert (one.jobs, one.interval, one.n) == (None, None, 0)
        else:
            assert one.jobs is not None
            assert findings.evidence[one.jobs].jobs


@pytest.mark.parametrize("name", EVIDENCE)
def test_every_number_over_several_seeds_has_an_interval_or_is_a_count(name: str) -> None:
    for one in estimates(report_of(name).findings):
        if one.kind not in (Kind.THEORY, Kind.TOTAL) and one.n > 1:
            assert one.interval is not None
            assert one.value is not None
            assert one.interval.low <= one.value <= one.interval.high


def test_the_same_jobs_make_the_same_reports_in_another_process() -> None:
    """Byte for byte, however Python orders what it hashes."""
    found = []
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-m", "tests.unit.conclusions.everything"],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
        )
        found.append(json.loads(done.stdout))
    assert found[0] == found[1] == digests()
