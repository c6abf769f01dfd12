"""Differences between specs, and the first epoch at which series differ."""

import math
from typing import Any

import pytest

from service.domain.comparison import align, spec_differences


def _differences(*specs: dict[str, Any]) -> dict[str, list[Any]]:
    return {one.pointer: one.values for one in spec_differences(specs)}


def test_equal_specs_have_no_difference() -> None:
    assert _differences({"a": {"b": [1, None]}}, {"a": {"b": [1, None]}}) == {}


def test_a_difference_is_pointed_at_where_it_is() -> None:
    one = {"a": {"b": 1, "c/d~": 2}, "e": [1, 2, 3]}
    other = {"a": {"b": 1, "c/d~": 3}, "e": [1, 5, 3]}
    assert _differences(one, other) == {"/a/c~1d~0": [2, 3], "/e/1": [2, 5]}


def test_lists_of_other_lengths_and_other_kinds_differ_as_wholes() -> None:
    assert _differences({"a": [1]}, {"a": [1, 2]}) == {"/a": [[1], [1, 2]]}
    assert _differences({"a": {"x": 1}}, {"a": 1}) == {"/a": [{"x": 1}, 1]}
    assert _differences({"a": True}, {"a": 1}) == {"/a": [True, 1]}


def test_a_field_that_one_lacks_is_told_from_null() -> None:
    [one] = spec_differences([{"a": None}, {}])
    assert (one.values, one.present) == ([None, None], [True, False])


def test_any_of_many_may_differ() -> None:
    assert _differences({"a": 1}, {"a": 1}, {"a": 2}) == {"/a": [1, 1, 2]}


def _first(one: list[float | None], other: list[float | None], name: str = "x") -> int | None:
    series: list[dict[str, list[Any]]] = [
        {"epoch": list(range(len(values))), name: values} for values in (one, other)
    ]
    return align(series, [name])[1][0].first_differing_epoch


@pytest.mark.parametrize(
    ("one", "other", "first"),
    [
        ([1.0, 2.0], [1.0, 2.0], None),
        ([1.0, 2.0], [1.0, math.nextafter(2.0, 3.0)], 1),
        ([1.0, math.nan], [1.0, math.nan], None),
        ([1.0, math.nan], [1.0, math.inf], 1),
        ([None, 1.0], [None, 1.0], None),
        ([None, 1.0], [0.0, 1.0], 0),
        ([0.0], [-0.0], 0),
        ([1.0, 2.0], [1.0], None),
        ([], [1.0], None),
    ],
)
def test_series_differ_from_the_first_epoch_that_both_have(
    one: list[float | None], other: list[float | None], first: int | None
) -> None:
    assert _first(one, other) == first


def test_wall_time_makes_no_difference() -> None:
    assert _first([1.0], [2.0], "seconds") is None


def test_series_are_aligned_by_epoch() -> None:
    long = {"epoch": [0, 1, 2], "x": [1, 2, 3]}
    short = {"epoch": [1], "x": [9]}
    epochs, [curves] = align([long, short], ["x"])
    assert epochs == [0, 1, 2]
    assert curves.values == [[1, 2, 3], [None, 9, None]]
    assert curves.first_differing_epoch == 1
