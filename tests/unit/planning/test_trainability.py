"""Warnings that follow from arithmetic: each is held against the arithmetic itself."""

import random
from typing import Any, get_args

import pytest

from service.domain.networks import Init
from service.planning import warn
from tests.specs import job_spec


def _codes(**changes: Any) -> list[str]:
    return [one.code for one in warn(job_spec(**({"batch_size": 4} | changes)))]


def _linear(**optimizer: Any) -> list[str]:
    return _codes(
        dataset={"name": "linear", "features": 1},
        network={"kind": "linear"},
        activation={"name": "identity"},
        optimizer=optimizer,
    )


def _grows(rate: float, momentum: float, weight_decay: float, steps: int = 3000) -> bool:
    """Whether full-batch gradient descent on mean((w x + b - y)²), by hand, leaves all bounds."""
    hand = random.Random(0)
    x = [hand.gauss(0, 0.05) for _ in range(50)]  # little weight: the bias decides
    y = [2 * value + 1 for value in x]
    w = b = velocity_w = velocity_b = 0.0
    for _ in range(steps):
        r = [w * one + b - target for one, target in zip(x, y, strict=True)]
        velocity_w = (
            momentum * velocity_w
            + weight_decay * w
            + 2 * sum(one * value for one, value in zip(r, x, strict=True)) / len(x)
        )
        velocity_b = momentum * velocity_b + weight_decay * b + 2 * sum(r) / len(x)
        w, b = w - rate * velocity_w, b - rate * velocity_b
        if abs(b) > 1e6:
            return True
    return False


@pytest.mark.parametrize(
    ("momentum", "weight_decay", "bound"),
    [(0, 0, 1), (0.5, 0, 1.5), (0, 2, 0.5), (0.9, 1, 3.8 / 3)],
)
def test_the_bound_on_the_rate_is_where_descent_diverges(
    momentum: float, weight_decay: float, bound: float
) -> None:
    for rate, diverges in ((bound * 0.97, False), (bound * 1.03, True)):
        assert _grows(rate, momentum, weight_decay) == diverges
        told = _linear(learning_rate=rate, momentum=momentum, weight_decay=weight_decay)
        assert ("rate_diverges" in told) == diverges


@pytest.mark.parametrize(
    "optimizer",
    [
        {"name": "adam", "learning_rate": 9},
        {"learning_rate": 9, "momentum": 0.5, "nesterov": True},
        {"learning_rate": 9, "clip_grad_norm": 1.0},
    ],
)
def test_no_bound_is_claimed_for_other_optimizers(optimizer: dict[str, Any]) -> None:
    assert "rate_diverges" not in _linear(**optimizer)


def test_no_bound_is_claimed_for_other_networks_and_losses() -> None:
    assert "rate_diverges" not in _codes(optimizer={"learning_rate": 9})
    assert "rate_diverges" not in _codes(
        network={"kind": "linear"}, loss={"name": "mae"}, optimizer={"learning_rate": 9}
    )


@pytest.mark.parametrize(
    ("init", "activation", "dead"),
    [
        ({"name": "zeros"}, {"name": "relu"}, True),
        ({"name": "zeros"}, {"name": "relu", "derivative_at_zero": 0.5}, False),
        ({"name": "zeros", "bias": -0.1}, {"name": "relu", "derivative_at_zero": 0.5}, True),
        ({"name": "zeros", "bias": 0.1}, {"name": "relu"}, False),
        ({"name": "zeros"}, {"name": "leaky_relu"}, False),
        ({"name": "zeros"}, {"name": "tanh"}, False),
        ({"bias": -50.0}, {"name": "relu"}, True),
        ({"bias": -50.0}, {"name": "relu6"}, True),
        ({"bias": -50.0}, {"name": "elu"}, False),
        ({"bias": -1.0}, {"name": "relu"}, False),
        ({"name": "normal", "scale": 0.001, "bias": -1.0}, {"name": "relu"}, True),
        ({"name": "uniform", "scale": 10.0, "bias": -1.0}, {"name": "relu"}, False),
    ],
)
def test_units_whose_bias_no_example_reaches_are_likely_born_dead(
    init: dict[str, Any], activation: dict[str, Any], dead: bool
) -> None:
    told = _codes(network={"hidden": [4], "init": init}, activation=activation)
    assert ("born_dead" in told) == dead


@pytest.mark.parametrize("name", get_args(Init.model_fields["name"].annotation))
def test_every_initialisation_is_judged(name: str) -> None:
    init: dict[str, Any] = {"name": name}
    if name in ("normal", "uniform"):
        init["scale"] = 1.0
    told = _codes(network={"hidden": [4], "init": init}, activation={"name": "relu"})
    assert ("born_dead" in told) == (name == "zeros")


def test_features_of_unknown_scale_are_not_judged() -> None:
    told = _codes(
        dataset={"name": "abs", "scaling": "none"}, network={"hidden": [4], "init": {"bias": -50.0}}
    )
    assert "born_dead" not in told
