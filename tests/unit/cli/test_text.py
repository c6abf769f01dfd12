"""Values as short text."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cli.text import number, plain, sparkline


@pytest.mark.parametrize(
    ("given_", "text"),
    [
        (None, "–"),
        (0.0, "0"),
        (12, "12"),
        (1234567, "1,234,567"),
        (0.123456, "0.1235"),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
    ],
)
def test_numbers(given_: float | None, text: str) -> None:
    assert number(given_) == text


def test_what_a_terminal_would_obey_is_no_part_of_a_text() -> None:
    assert plain("a\x1b[31mb\nc\x07\x9bd\u2028e\u202ef") == "a [31mb c  d e f"


def test_a_sparkline_rises_with_its_values() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([1.0, 1.0], 8) == "▁▁"
    assert sparkline([], 8) == sparkline([None], 8) == ""


def test_no_column_hides_what_is_not_finite() -> None:
    assert sparkline([*range(8), math.nan, math.inf], 5)[-1] == "×"
    assert sparkline([math.nan], 5) == "×"


@given(st.lists(st.none() | st.floats(width=64)), st.integers(1, 50))
def test_a_sparkline_of_anything_fits(values: list[float | None], width: int) -> None:
    drawn = sparkline(values, width)
    assert len(drawn) == min(width, sum(value is not None for value in values))
