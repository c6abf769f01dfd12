"""From a sweep to its jobs, and from a job's error to the place in the sweep."""

from typing import Any

import pytest

from service.api.validation import describe_spec_errors
from service.domain.errors import SpecRejected
from service.domain.limits import Limits
from service.domain.sweep import SweepSpec, points
from service.planning import Member, expand
from tests.specs import SMALL


def _expand(axes: dict[str, Any], mode: str = "grid", **base: Any) -> list[Member]:
    sweep = SweepSpec.model_validate({"base": SMALL | base, "axes": axes, "mode": mode})
    return expand(sweep, Limits(max_members=100), describe_spec_errors)


def _refused(axes: dict[str, Any], mode: str = "grid", **base: Any) -> dict[str, str]:
    with pytest.raises(SpecRejected) as refusal:
        _expand(axes, mode, **base)
    return {error.pointer: error.detail for error in refusal.value.errors}


def test_a_grid_is_every_combination_and_the_last_axis_turns_fastest() -> None:
    members = _expand({"optimizer.learning_rate": [0.1, 0.2], "seed": {"range": 3}})
    found = [(one.spec.optimizer.learning_rate, one.spec.seed) for one in members]
    assert found == [(0.1, 0), (0.1, 1), (0.1, 2), (0.2, 0), (0.2, 1), (0.2, 2)]
    assert [one.index for one in members] == list(range(6))
    assert members[4].point == (("optimizer.learning_rate", 0.2), ("seed", 1))


def test_zipped_axes_go_together() -> None:
    axes = {"epochs": [1, 2], "seed": {"range": 2}}
    assert [(one.spec.epochs, one.spec.seed) for one in _expand(axes, "zip")] == [(1, 0), (2, 1)]


def test_the_points_are_those_of_the_members() -> None:
    axes = {"epochs": [1, 2], "seed": {"range": 3}}
    sweep = SweepSpec.model_validate({"base": SMALL, "axes": axes})
    assert [one.point for one in _expand(axes)] == list(points(sweep.axes, sweep.mode))


def test_a_path_may_lead_through_lists_and_through_what_the_base_leaves_out() -> None:
    members = _expand(
        {"network.hidden.1": [3, 5], "probes.dormant_tau": [0.5]}, network={"hidden": [4, 4]}
    )
    assert [one.spec.network.hidden_widths for one in members] == [(4, 3), (4, 5)]
    assert members[0].spec.probes.dormant_tau == 0.5


def test_a_path_above_another_is_set_first() -> None:
    axes = {"activation.derivative_at_zero": [0.5], "activation": [{"name": "relu"}]}
    [member] = _expand(axes)
    assert member.spec.activation.convention == 0.5


def test_the_base_is_left_as_it_was() -> None:
    base: dict[str, Any] = {"network": {"hidden": [4]}}
    _expand({"network.hidden.0": [1, 2]}, **base)
    assert base == {"network": {"hidden": [4]}}


def test_an_error_points_at_the_value_and_names_the_member() -> None:
    errors = _refused({"seed": {"range": 2}, "activation.name": ["relu", "swoosh"]})
    assert list(errors) == ["/axes/activation.name/1"]
    detail = errors["/axes/activation.name/1"]
    assert "swoosh" in detail
    assert "seed = 0, activation.name = 'swoosh' and 1 more" in detail


def test_an_error_inside_a_value_is_pointed_at_there() -> None:
    errors = _refused({"activation": [{"name": "relu"}, {"name": "relu", "slope": 1}]})
    assert list(errors) == ["/axes/activation/1/slope"]


@pytest.mark.parametrize(
    ("axes", "base", "pointer", "hint"),
    [
        ({"optimzer.learning_rate": [1]}, {}, "/axes/optimzer.learning_rate", "unknown field"),
        ({"/seed": [1]}, {}, "/axes/~1seed", "write 'seed'"),
        (
            {"optimizer/learning_rate": [1]},
            {},
            "/axes/optimizer~1learning_rate",
            "write 'optimizer.l",
        ),
        ({"seed": [0]}, {"loss": {"name": "cross_entropy"}}, "/base/loss/name", "classification"),
        ({"seed": [0]}, {"epochs": -1}, "/base/epochs", "at least 0"),
        ({"seed.x": [0]}, {"seed": 1}, "/axes/seed.x/0", "'x'"),
        ({"network.hidden.7": [4]}, {}, "/axes/network.hidden.7/0", "network.hidden has no '7'"),
        ({"epochs": {"linspace": [1, 2, 3]}}, {}, "/axes/epochs", "integer"),
        ({"epochs": [20_000]}, {}, "/axes/epochs/0", "limit here is 10,000"),
        ({"network.hidden": [[4], [4, 5000]]}, {}, "/axes/network.hidden/1/1", "limit"),
    ],
)
def test_errors_lead_to_where_they_were_written(
    axes: dict[str, Any], base: dict[str, Any], pointer: str, hint: str
) -> None:
    errors = _refused(axes, **base)
    assert hint in errors[pointer]


def test_what_every_member_lacks_is_told_once() -> None:
    errors = _refused({"seed": {"range": 50}}, dataset={"name": "nowhere"})
    assert list(errors) == ["/base/dataset/name"]
    assert "and 49 more" in errors["/base/dataset/name"]


def test_too_many_members_are_refused_before_they_are_made() -> None:
    errors = _refused({"seed": {"range": 2**62}, "epochs": {"range": 2**62}})
    assert "limit here is 100" in errors["/axes"]
    assert "limit here is 100" in _refused({"seed": {"range": 2**62}}, "zip")["/axes"]


def test_zipped_axes_of_unequal_lengths_are_refused() -> None:
    errors = _refused({"seed": {"range": 2}, "epochs": [1]}, "zip")
    assert "seed has 2, epochs has 1" in errors["/axes"]


def test_members_carry_their_own_warnings() -> None:
    members = _expand({"activation.derivative_at_zero": [0.5, 3]}, batch_size=8)
    assert [[w.code for w in one.warnings] for one in members] == [[], ["outside_subdifferential"]]
