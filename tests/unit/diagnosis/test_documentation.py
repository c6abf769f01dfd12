"""docs/diagnosis.md says what the code does."""

import re

import pytest

from service.diagnosis import thresholds
from service.diagnosis.diagnose import RULES
from service.domain.diagnosis import Code
from tests.architecture.tree import ROOT

PAGE = (ROOT / "docs/diagnosis.md").read_text(encoding="utf-8")
NAMES = [name for name in dir(thresholds) if name.isupper()]


def test_every_code_is_described() -> None:
    rows = re.findall(r"^\| (`[a-z_`, ]+) \|", PAGE, re.M)
    described = {code for row in rows for code in re.findall(r"[a-z_]+", row)}
    assert described == {code.value for code in Code}
    assert len(RULES) == len(Code) - 1  # `healthy` is none of them


@pytest.mark.parametrize("name", NAMES)
def test_every_threshold_is_listed_with_its_value_and_used_in_a_rule(name: str) -> None:
    (value,) = re.findall(rf"^\| `{name}` \| ([0-9.]+) \|", PAGE, re.M)
    assert float(value) == getattr(thresholds, name)
    assert PAGE.count(f"`{name}`") >= 2
