"""Losses: their parameters, the conventions at their kinks, and how many outputs they need."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from service.domain.losses import AnyLoss, Loss
from service.domain.variants import variants
from tests.specs import job_spec

ADAPTER: TypeAdapter[Loss] = TypeAdapter(AnyLoss)


def loss(name: str, **parameters: float) -> Loss:
    return ADAPTER.validate_python({"name": name, **parameters})


@pytest.mark.parametrize("one", variants(AnyLoss, "name", Loss).values())
def test_every_loss_says_what_it_computes(one: type[Loss]) -> None:
    assert one.formula
    assert one.torch_name.startswith("torch.")
    assert len(one.tasks) == 1
    assert one.__doc__


@pytest.mark.parametrize(
    ("name", "parameters", "convention"),
    [
        ("mae", {}, 0.0),
        ("quantile", {}, 0.0),
        ("quantile", {"q": 0.75}, -0.25),
        ("quantile", {"q": 0.75, "derivative_at_zero": 0.0}, 0.0),
        ("hinge", {}, 0.0),
        ("mse", {}, None),
        ("huber", {}, None),
        ("smooth_l1", {}, None),
        ("cross_entropy", {}, None),
        ("bce", {}, None),
    ],
)
def test_the_default_convention_is_pytorchs(
    name: str, parameters: dict[str, float], convention: float | None
) -> None:
    assert loss(name, **parameters).convention == convention


@pytest.mark.parametrize("name", [name for name, one in variants(AnyLoss, "name", Loss).items()])
def test_a_loss_has_a_convention_if_and_only_if_it_has_a_kink(name: str) -> None:
    one = loss(name)
    has_kink = one.slopes_at_zero is not None
    assert (one.convention is not None) == has_kink
    assert bool(one.kinked_term) == has_kink
    assert ("derivative_at_zero" in type(one).model_fields) == has_kink
    assert not one.outside_subdifferential


@pytest.mark.parametrize(
    ("given", "inside", "outside"),
    [
        ({"name": "mae"}, [-1, 0, 1], [1.5, -2]),
        ({"name": "quantile", "q": 0.25}, [-0.25, 0, 0.75], [-0.3, 0.8]),
        ({"name": "hinge"}, [0, 1], [-0.5, 1.5]),
    ],
)
def test_the_subdifferential_lies_between_the_one_sided_slopes(
    given: dict[str, Any], inside: list[float], outside: list[float]
) -> None:
    for value in inside:
        assert not loss(**given, derivative_at_zero=value).outside_subdifferential
    for value in outside:
        assert loss(**given, derivative_at_zero=value).outside_subdifferential


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("huber", {"delta": 0.0}),
        ("smooth_l1", {"beta": 0.0}),
        ("quantile", {"q": 0.0}),
        ("quantile", {"q": 1.0}),
        ("hinge", {"margin": 0.0}),
        ("mse", {"derivative_at_zero": 0.0}),
        ("huber", {"beta": 1.0}),
    ],
)
def test_bounds_are_kept(name: str, parameters: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        loss(name, **parameters)


@pytest.mark.parametrize(
    ("dataset", "name", "outputs"),
    [
        ("two_moons", "bce", 1),
        ("two_moons", "cross_entropy", 2),
        ("two_moons", "hinge", 2),
        ("iris", "bce", 3),
        ("diabetes", "quantile", 1),
    ],
)
def test_two_classes_need_one_output_under_bce_alone(dataset: str, name: str, outputs: int) -> None:
    spec = job_spec(dataset={"name": dataset}, loss={"name": name}, network={"hidden": [4]})
    assert spec.layer_widths[-1] == outputs
    features = spec.dataset.feature_count
    assert spec.parameter_count == features * 4 + 4 + 4 * outputs + outputs
