"""A running service for each test."""

from collections.abc import Iterator

import pytest

from service.settings import Settings
from tests.stack import Stack


@pytest.fixture
def stack(settings: Settings) -> Iterator[Stack]:
    """The processes, none started yet; all of them end with the test."""
    stack = Stack(settings)
    yield stack
    stack.close()
