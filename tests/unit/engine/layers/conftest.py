"""Stacked PyTorch alone trains what is tested here, so nothing has to be run twice."""

import pytest


@pytest.fixture(autouse=True, scope="module")
def back_end() -> str:
    return "chosen"
