"""Axes and statuses of sweeps."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from service.domain.states import JobStatus
from service.domain.sweep import SweepCounts, SweepSpec, axis_values, sweep_status


def _values(axis: object) -> list[object]:
    sweep = SweepSpec.model_validate({"base": {}, "axes": {"x": axis}})
    assert sweep.member_count == len(sweep.axes["x"])
    return list(axis_values(sweep.axes["x"]))


def test_axes_become_values() -> None:
    assert _values([1, "a", None, [2], {"b": 3}]) == [1, "a", None, [2], {"b": 3}]
    assert _values({"range": 3}) == [0, 1, 2]
    assert _values({"linspace": [0, 1, 5]}) == [0, 0.25, 0.5, 0.75, 1]
    assert _values({"logspace": [0.001, 10, 5]}) == [0.001, 0.01, 0.1, 1, 10]
    assert _values({"logspace": [3, 7, 1]}) == [3]
    assert _values({"logspace": [1e-300, 1e300, 3]}) == [1e-300, 1, 1e300]


@given(first=st.floats(1e-300, 1e300), last=st.floats(1e-300, 1e300), count=st.integers(2, 50))
def test_a_logspace_has_its_ends_and_equal_ratios(first: float, last: float, count: int) -> None:
    values = [float(str(value)) for value in _values({"logspace": [first, last, count]})]
    assert (values[0], values[-1], len(values)) == (first, last, count)
    step = (math.log(last) - math.log(first)) / (count - 1)
    for before, after in pairwise(values):
        assert math.log(after) - math.log(before) == pytest.approx(step, abs=1e-9)


@pytest.mark.parametrize(
    "axis",
    [
        [],
        3,
        "a",
        None,
        {},
        {"range": 0},
        {"range": 1.5},
        {"range": 3, "linspace": [0, 1, 2]},
        {"linspace": [0, 1]},
        {"linspace": [0, 1, 2, 3]},
        {"linspace": [0, 1, 2.5]},
        {"linspace": [0, 1, 0]},
        {"logspace": [0, 1, 2]},
        {"logspace": [-1, 1, 2]},
        {"geomspace": [1, 2, 3]},
    ],
)
def test_what_is_no_axis_is_refused(axis: object) -> None:
    with pytest.raises(ValidationError):
        _values(axis)


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValidationError):
        SweepSpec.model_validate({"base": {}, "axes": {path: [1]}})


def test_members_are_counted_without_being_made() -> None:
    axes = {"a": {"range": 10**18}, "b": {"range": 10**18}}
    sweep = SweepSpec.model_validate({"base": {}, "axes": axes})
    assert sweep.member_count == 10**36


@pytest.mark.parametrize(
    ("counts", "status"),
    [
        ({"queued": 2}, JobStatus.QUEUED),
        ({"queued": 1, "running": 1}, JobStatus.RUNNING),
        ({"queued": 1, "succeeded": 1}, JobStatus.RUNNING),
        ({"running": 1, "failed": 1}, JobStatus.RUNNING),
        ({"succeeded": 2}, JobStatus.SUCCEEDED),
        ({"succeeded": 2, "cancelled": 1}, JobStatus.CANCELLED),
        ({"succeeded": 2, "cancelled": 1, "failed": 1}, JobStatus.FAILED),
    ],
)
def test_the_status_follows_from_the_members(counts: dict[str, int], status: JobStatus) -> None:
    assert sweep_status(SweepCounts(**counts)) is status
