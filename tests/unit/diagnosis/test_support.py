"""What treatments are supported by: the studies' own statements, and what docs/findings.md says
that these came to."""

import re

import pytest

from service.diagnosis import diagnose
from service.diagnosis.support import STATEMENTS
from service.domain.diagnosis import Code, Finding
from service.domain.findings import Verdict
from service.domain.limits import Limits
from service.studies import templates
from service.studies.templates.remedies import REMEDIES
from tests.architecture.tree import ROOT
from tests.unit.diagnosis.histories import growing, past

PAGE = (ROOT / "docs/findings.md").read_text(encoding="utf-8")


def verdicts(study: str) -> dict[str, Verdict]:
    """Of the study's statements, as the page has them."""
    chapter = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (own,) = [part for part in chapter if part.startswith(f"{study}: ")]
    found = re.findall(r"^\d+\. \*\*(.+?)\*\* (supported|refuted|inconclusive)", own, re.MULTILINE)
    return {text: Verdict(verdict) for text, verdict in found}


@pytest.mark.parametrize("treatment", STATEMENTS)
def test_what_a_study_says_of_a_treatment_stands_in_the_findings(treatment: str) -> None:
    study, statements = STATEMENTS[treatment]
    assert study in templates()
    found = verdicts(study)
    assert statements == {text: found.get(text) for text in statements}


def dead_units() -> Finding:
    history = past(layers={"dead": growing(90)})
    (found,) = [one for one in diagnose(history, Limits()) if one.code is Code.DEAD_UNITS]
    return found


def test_what_the_remedies_study_supports_is_offered_against_dead_units() -> None:
    found = verdicts("remedies")
    alive = [
        name
        for name in REMEDIES
        if found[f"With {name} fewer units are dead."] is Verdict.SUPPORTED
    ]
    pays = [
        name
        for name in alive
        if found[f"With {name} the network is more accurate."] is Verdict.SUPPORTED
    ]
    offered = [one.name for one in dead_units().treatments if one.support.study == "remedies"]
    assert set(pays) <= set(offered) <= set(alive)
    assert set(offered[: len(pays)]) == set(pays), "the others come after them"


def test_a_treatment_says_what_its_study_found() -> None:
    offered = {one.name: one for one in dead_units().treatments}
    warm_up = {one.text: one.verdict for one in offered["warm_up"].support.statements}
    assert warm_up == {
        "With warm_up fewer units are dead.": Verdict.SUPPORTED,
        "With warm_up the network is more accurate.": Verdict.INCONCLUSIVE,
    }
    slower = offered["rate_times_0.1"].support
    assert slower.study == "dying-relu"
    assert [one.verdict for one in slower.statements] == [Verdict.SUPPORTED]


def test_a_treatment_that_no_study_tests_has_its_source_alone() -> None:
    history = past(layers={"dead": [[0, 100]] * 9})
    born = next(one for one in diagnose(history, Limits()) if one.code is Code.DEAD_LAYER)
    for one in born.treatments:
        tested = one.name in STATEMENTS
        assert (one.support.study is not None) is tested
        assert bool(one.support.statements) is tested
        assert one.support.source
    assert {one.name for one in born.treatments} >= {"prelu", "rrelu", "randomized_asymmetric"}
