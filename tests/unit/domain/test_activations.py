"""Which conventions are legal, and which lie outside the Clarke subdifferential."""

import math
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from service.domain.activations import Activation, AnyActivation

ACTIVATION: TypeAdapter[Activation] = TypeAdapter(AnyActivation)

KINKED_AT_ZERO: list[dict[str, Any]] = [
    {"name": "relu"},
    {"name": "relu6"},
    {"name": "leaky_relu"},
    {"name": "leaky_relu", "negative_slope": -0.5},
    {"name": "leaky_relu", "negative_slope": 2.0},
    {"name": "prelu"},
    {"name": "rrelu"},
    {"name": "rrelu", "lower": 0.5, "upper": 0.5},
    {"name": "rrelu", "lower": 0.5, "upper": 1.0},
    {"name": "elu", "alpha": 0.5},
    {"name": "selu"},
]
# What has a derivative at 0, or takes none: parameters may make it so.
SMOOTH_AT_ZERO: list[dict[str, Any]] = [
    {"name": "leaky_relu", "negative_slope": 1.0},
    {"name": "rrelu", "lower": 1.0, "upper": 1.0},
    {"name": "elu"},
    {"name": "elu", "alpha": 1.0},
    {"name": "celu"},
    {"name": "celu", "alpha": 2.0},
    {"name": "gelu"},
    {"name": "silu"},
    {"name": "mish"},
    {"name": "softplus"},
    {"name": "sigmoid"},
    {"name": "tanh"},
    {"name": "hardtanh"},
    {"name": "softsign"},
    {"name": "hardswish"},
    {"name": "identity"},
]


def activation(given: dict[str, Any], **more: Any) -> Activation:
    return ACTIVATION.validate_python(given | more)


def classes() -> tuple[type[Activation], ...]:
    return get_args(get_args(AnyActivation)[0])


def test_the_design_names_these_activations() -> None:
    assert {get_args(one.model_fields["name"].annotation)[0] for one in classes()} == {
        *(
            [
                "relu",
                "relu6",
                "leaky_relu",
                "prelu",
                "rrelu",
                "elu",
                "selu",
                "celu",
                "gelu",
                "silu",
                "mish",
                "softplus",
                "sigmoid",
            ]
        ),
        "tanh",
        "hardtanh",
        "softsign",
        "hardswish",
        "identity",
    }


@pytest.mark.parametrize("given", KINKED_AT_ZERO)
@pytest.mark.parametrize("value", [0, -1e300, 0.5, 1e300])
def test_any_finite_convention_is_accepted_at_a_kink(given: dict[str, Any], value: float) -> None:
    made = activation(given, derivative_at_zero=value)
    assert made.convention == value
    assert 0.0 in made.kinks


@pytest.mark.parametrize("given", KINKED_AT_ZERO)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "0.5", True])
def test_a_convention_is_a_finite_number(given: dict[str, Any], value: object) -> None:
    with pytest.raises(ValidationError):
        activation(given, derivative_at_zero=value)


@pytest.mark.parametrize("given", SMOOTH_AT_ZERO)
def test_a_convention_is_refused_where_there_is_a_derivative(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        activation(given, derivative_at_zero=1.0)


@pytest.mark.parametrize("given", [{"name": "elu"}, {"name": "leaky_relu", "negative_slope": 1.0}])
def test_the_refusal_says_why(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="has a derivative at 0"):
        activation(given, derivative_at_zero=1.0)


@pytest.mark.parametrize("given", SMOOTH_AT_ZERO)
def test_no_convention_may_always_be_left_out(given: dict[str, Any]) -> None:
    made = activation(given)
    assert made.convention is None
    assert 0.0 not in made.kinks
    assert made.slopes_at_zero is None
    assert not made.outside_subdifferential


@pytest.mark.parametrize(
    ("given", "inside", "outside"),
    [
        ({"name": "relu"}, [0, 0.5, 1], [-0.001, 1.001]),
        ({"name": "relu6"}, [0, 1], [2]),
        ({"name": "leaky_relu"}, [0.01, 1], [0, 1.5]),
        ({"name": "leaky_relu", "negative_slope": 2.0}, [1, 2], [0.9, 2.1]),
        ({"name": "leaky_relu", "negative_slope": -1.0}, [-1, 0, 1], [-2, 2]),
        ({"name": "prelu"}, [0.25, 1], [0.2]),
        ({"name": "rrelu"}, [0.125, 1], [0.1]),
        ({"name": "elu", "alpha": 2.0}, [1, 2], [0.5, 3]),
        ({"name": "selu"}, [1.06, 1.75], [1, 1.76]),
    ],
)
def test_the_subdifferential_lies_between_the_one_sided_slopes(
    given: dict[str, Any], inside: list[float], outside: list[float]
) -> None:
    for value in inside:
        assert not activation(given, derivative_at_zero=value).outside_subdifferential
    for value in outside:
        assert activation(given, derivative_at_zero=value).outside_subdifferential


@pytest.mark.parametrize("given", KINKED_AT_ZERO)
def test_the_chain_rule_holds_unless_the_convention_is_to_overwrite(given: dict[str, Any]) -> None:
    assert not activation(given, derivative_at_zero=0.5).overwrites_gradient
    written = activation(given, derivative_at_zero=0.5, gradient_at_zero="overwrite")
    assert written.overwrites_gradient


@pytest.mark.parametrize("given", KINKED_AT_ZERO)
def test_what_is_written_over_the_gradient_must_be_given(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="must be given"):
        activation(given, gradient_at_zero="overwrite")


@pytest.mark.parametrize("given", SMOOTH_AT_ZERO)
def test_nothing_is_written_where_there_is_a_derivative(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        activation(given, gradient_at_zero="overwrite")


def test_a_convention_left_out_is_never_outside() -> None:
    assert not any(activation(given).outside_subdifferential for given in KINKED_AT_ZERO)


@pytest.mark.parametrize(
    ("name", "kinks"),
    [
        ("relu", (0,)),
        ("relu6", (0, 6)),
        ("selu", (0,)),
        ("hardtanh", (-1, 1)),
        ("hardswish", (-3, 3)),
        ("elu", ()),
        ("gelu", ()),
    ],
)
def test_the_kinks_are_where_the_design_has_them(name: str, kinks: tuple[float, ...]) -> None:
    assert activation({"name": name}).kinks == kinks


def test_the_bounds_of_rrelu_stand_in_order() -> None:
    with pytest.raises(ValidationError, match="lower must not exceed upper"):
        activation({"name": "rrelu", "lower": 0.5, "upper": 0.25})


@pytest.mark.parametrize("one", classes())
def test_every_activation_says_what_it_computes(one: type[Activation]) -> None:
    assert one.formula
    assert one.torch_name.startswith("torch.nn.")


@pytest.mark.parametrize(
    ("name", "conventions"),
    [
        ("relu", {"pytorch": 0.0, "tensorflow": 0.0, "jax": 0.0}),
        ("selu", {"pytorch": 1.7581, "tensorflow": 1.0507, "jax": 1.7581}),
        ("leaky_relu", {"pytorch": "negative_slope", "tensorflow": "negative_slope", "jax": 1.0}),
        ("gelu", None),
    ],
)
def test_frameworks_disagree_as_the_design_says(name: str, conventions: object) -> None:
    assert activation({"name": name}).framework_conventions() == conventions
