"""A template of the tests' own, beside the real ones."""

import pytest

from service.studies import templates
from tests.integration.dispatch.stepping import Counting


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    template = Counting()
    monkeypatch.setitem(templates(), template.name, template)
    return template
