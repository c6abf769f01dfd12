"""What may run here, and what deserves a second look."""

from typing import Any

import pytest

from service.domain.limits import Limits
from service.planning import check, warn
from tests.specs import job_spec

LIMITS = Limits(
    max_epochs=10,
    max_layers=2,
    max_units=8,
    max_parameters=200,
    max_examples=100,
    max_values=400,
    max_batch_size=64,
    max_window_values=64 * 64 * 9,
)


def pointers(limits: Limits = LIMITS, **changes: Any) -> list[str]:
    return [error.pointer for error in check(job_spec(**changes), limits)]


def codes(**changes: Any) -> list[tuple[str, str]]:
    return [(warning.code, warning.pointer) for warning in warn(job_spec(**changes))]


def abs_of(size: int, **more: Any) -> dict[str, Any]:
    return {"name": "abs", "size": size, **more}


def openml(examples: int, features: int) -> dict[str, Any]:
    sizes = {"examples": examples, "features": features}
    return {"name": "openml", "openml_name": "some", "version": 1, **sizes}


def blobs(size: int, centers: int, fraction: float) -> dict[str, Any]:
    return {
        "dataset": {
            "name": "blobs",
            "size": size,
            "centers": centers,
            "validation_fraction": fraction,
        },
        "loss": {"name": "cross_entropy"},
    }


def test_a_spec_within_all_limits_may_run() -> None:
    assert pointers() == []


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"epochs": 11}, "/epochs"),
        ({"batch_size": 65}, "/batch_size"),
        ({"network": {"hidden": [1, 1, 1]}}, "/network/hidden"),
        ({"network": {"hidden": [1, 9]}}, "/network/hidden/1"),
        (
            {
                "network": {"hidden": [8, 8]},
                "dataset": {"name": "linear", "features": 30, "size": 9},
            },
            "/network",
        ),
        ({"dataset": abs_of(101)}, "/dataset/size"),
        ({"dataset": {"name": "linear", "features": 41, "size": 10}}, "/dataset"),
        ({"dataset": openml(101, 2)}, "/dataset/examples"),
        ({"dataset": openml(10, 41)}, "/dataset"),
    ],
)
def test_each_limit_is_named_where_it_is_exceeded(changes: dict[str, Any], pointer: str) -> None:
    assert pointers(**changes) == [pointer]


@pytest.mark.parametrize(
    "changes",
    [{"epochs": 10}, {"batch_size": 64}, {"network": {"hidden": [8, 8]}}, {"dataset": abs_of(100)}],
)
def test_the_limit_itself_is_allowed(changes: dict[str, Any]) -> None:
    assert pointers(**changes) == []


def test_a_refusal_names_what_was_asked_and_what_is_allowed() -> None:
    (error,) = check(job_spec(epochs=12_345), LIMITS)
    assert error.detail == "12,345 epochs; the limit here is 10"


def test_every_reason_is_given_at_once() -> None:
    assert pointers(epochs=11, batch_size=65, loss={"name": "cross_entropy"}) == [
        "/epochs",
        "/batch_size",
        "/loss/name",
    ]


def test_bundled_data_have_no_size_to_exceed() -> None:
    digits = {"dataset": {"name": "digits"}, "loss": {"name": "cross_entropy"}}
    assert pointers(Limits(max_examples=1, max_values=1), **digits) == []


@pytest.mark.parametrize(
    ("dataset", "loss"),
    [("digits", "mse"), ("digits", "huber"), ("diabetes", "bce"), ("diabetes", "hinge")],
)
def test_the_loss_must_fit_the_task(dataset: str, loss: str) -> None:
    changes = {"dataset": {"name": dataset}, "loss": {"name": loss}}
    assert pointers(Limits(), **changes) == ["/loss/name"]


def test_something_must_be_left_for_training() -> None:
    place = "/dataset/validation_fraction"
    assert pointers(dataset=abs_of(2, validation_fraction=0.9)) == [place]
    assert pointers(dataset=abs_of(2, validation_fraction=0.5)) == []


@pytest.mark.parametrize(
    ("size", "centers", "fraction", "refused"),
    [
        (9, 3, 0.0, 0),
        (9, 3, 1 / 3, 0),
        (2, 3, 0.0, 1),
        (9, 3, 0.2, 1),
        (9, 3, 0.8, 1),
        (4, 3, 0.5, 2),
    ],
)
def test_each_part_holds_every_class(
    size: int, centers: int, fraction: float, refused: int
) -> None:
    assert len(pointers(**blobs(size, centers, fraction))) == refused


def cnn(**more: Any) -> dict[str, Any]:
    network = {"kind": "cnn", "channels": [2], "hidden": []} | more
    return {"network": network, "dataset": {"name": "digits"}, "loss": {"name": "cross_entropy"}}


def test_a_convolution_needs_images() -> None:
    assert pointers(Limits(), **cnn()) == []
    for name in ("iris", "wine", "breast_cancer", "two_moons"):
        assert pointers(Limits(), **cnn() | {"dataset": {"name": name}}) == ["/network/kind"]


def test_pooling_must_leave_something() -> None:
    """8 x 8, 4 x 4, 2 x 2, 1 x 1, nothing."""
    assert pointers(Limits(), **cnn(channels=[2] * 3, pooling="max")) == []
    assert pointers(Limits(), **cnn(channels=[2] * 4, pooling="max")) == ["/network/kind"]
    assert pointers(Limits(), **cnn(channels=[2] * 4)) == []


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ({"channels": [8], "pooling": "average"}, "/network"),
        ({"channels": [1, 1, 1], "pooling": "average"}, "/network/channels"),
        ({"channels": [9], "kernel_size": 1, "pooling": "average"}, "/network/channels/0"),
        ({"channels": [1], "pooling": "average", "hidden": [9]}, "/network/hidden/0"),
        ({"channels": [1], "pooling": "average", "kernel_size": 5}, "/network"),
    ],
)
def test_limits_of_convolutions_are_named_where_they_are_exceeded(
    network: dict[str, Any], expected: str
) -> None:
    """In order: parameters, layers, channels, units, values of windows."""
    assert expected in pointers(**cnn(**network), batch_size=64)


def test_windows_are_counted_for_the_examples_that_there_are() -> None:
    limits = Limits(max_window_values=1438 * 64 * 9)
    assert pointers(limits, **cnn(), batch_size=60_000) == []
    fewer = Limits(max_window_values=1438 * 64 * 9 - 1)
    (error,) = check(job_spec(**cnn(), batch_size=60_000), fewer)
    assert error.pointer == "/network"
    assert "positions" in error.detail


def test_a_convolution_of_one_example_has_enough_to_normalize() -> None:
    """1438 training examples in batches of 479 leave one, with 64 positions."""
    alone = {"batch_size": 479, **cnn(normalization="batch")}
    assert pointers(Limits(), **alone) == []
    dense = {"batch_size": 479, **cnn(normalization="batch", hidden=[3])}
    assert pointers(Limits(), **dense) == ["/batch_size"]


@pytest.mark.parametrize(
    ("size", "batch_size", "pointer"),
    [(5, 1, "/batch_size"), (5, 2, "/batch_size"), (5, 4, "/batch_size")],
)
def test_batch_normalization_needs_two_examples(size: int, batch_size: int, pointer: str) -> None:
    network = {"hidden": [3], "normalization": "batch"}
    dataset = abs_of(size, validation_fraction=0)
    assert pointers(network=network, dataset=dataset, batch_size=batch_size) == [pointer]
    assert pointers(network=network, dataset=dataset, batch_size=batch_size, epochs=0) == []
    layer = network | {"normalization": "layer"}
    assert pointers(network=layer, dataset=dataset, batch_size=batch_size) == []


@pytest.mark.parametrize("batch_size", [3, 5, 60])
def test_batches_of_two_and_more_may_be_normalized(batch_size: int) -> None:
    network = {"hidden": [3], "normalization": "batch"}
    dataset = abs_of(5, validation_fraction=0)
    assert pointers(network=network, dataset=dataset, batch_size=batch_size) == []


def test_one_training_example_cannot_be_normalized_over_the_batch() -> None:
    network = {"hidden": [3], "normalization": "batch"}
    dataset = abs_of(2, validation_fraction=0.5)
    assert pointers(network=network, dataset=dataset) == ["/network/normalization"]


def test_an_ordinary_spec_has_nothing_to_warn_of() -> None:
    assert codes(batch_size=32) == []


def test_a_convention_outside_the_subdifferential_is_flagged() -> None:
    activation = {"name": "leaky_relu", "negative_slope": 2.0, "derivative_at_zero": 3}
    (warning,) = warn(job_spec(activation=activation, batch_size=32))
    assert (warning.code, warning.pointer) == (
        "outside_subdifferential",
        "/activation/derivative_at_zero",
    )
    assert "[1, 2]" in warning.detail


@pytest.mark.parametrize(
    ("loss", "interval", "term"),
    [
        ({"name": "mae"}, "[-1, 1]", "|r| at r = 0"),
        ({"name": "quantile", "q": 0.25}, "[-0.25, 0.75]", "max(-q * r, (1 - q) * r)"),
    ],
)
def test_so_is_one_of_the_loss(loss: dict[str, Any], interval: str, term: str) -> None:
    (warning,) = warn(job_spec(loss=loss | {"derivative_at_zero": 2.0}, batch_size=32))
    assert (warning.code, warning.pointer) == (
        "outside_subdifferential",
        "/loss/derivative_at_zero",
    )
    assert interval in warning.detail
    assert term in warning.detail


def test_an_activation_without_a_hidden_layer_is_unused() -> None:
    linear = {"network": {"kind": "linear"}, "batch_size": 32}
    assert codes(**linear) == [("activation_unused", "/activation")]
    assert codes(**linear, activation={"name": "identity"}) == []


def test_a_batch_larger_than_the_training_part_is_flagged() -> None:
    dataset = abs_of(10, validation_fraction=0)
    assert codes(dataset=dataset, batch_size=10) == []
    assert codes(dataset=dataset, batch_size=11) == [("batch_exceeds_data", "/batch_size")]


def test_mnist_fits_the_limits_and_a_cnn() -> None:
    mnist = {"name": "openml", "openml_name": "mnist_784", "version": 1}
    changes: dict[str, Any] = {"network": {"kind": "cnn"}, "loss": {"name": "cross_entropy"}}
    assert pointers(Limits(), dataset=mnist, **changes) == []
    images = openml(100, 784) | {"classes": 10}
    assert pointers(Limits(), dataset=images, **changes) == ["/network/kind"]


def test_a_convention_written_over_the_gradient_is_for_one_study_alone() -> None:
    """What passes then is no gradient of the loss, and nobody should take it for one."""
    written = {"name": "relu", "derivative_at_zero": 0.5, "gradient_at_zero": "overwrite"}
    (error,) = check(job_spec(activation=written), Limits())
    assert error.pointer == "/activation/gradient_at_zero"
    assert "relu-at-zero" in error.detail
    assert check(job_spec(activation=written), Limits(), overwriting=True) == []


DIGITS = {"dataset": {"name": "digits"}, "loss": {"name": "cross_entropy"}}
REGIONS = {"linear_regions": True}


@pytest.mark.parametrize(
    ("probes", "changes", "is_blind"),
    [
        ({"bifurcation_draws": 5}, {}, False),
        ({"bifurcation_draws": 5}, {"activation": {"name": "relu6"}}, False),
        ({"bifurcation_draws": 5}, {"activation": {"name": "tanh"}}, True),
        ({"bifurcation_draws": 5}, {"network": {"kind": "linear"}}, True),
        ({"activation_cost": True}, {"activation": {"name": "tanh"}}, False),
        ({"activation_cost": True}, {"network": {"kind": "linear"}}, True),
        (REGIONS, {"activation": {"name": "hardtanh"}}, False),
        (REGIONS, {"network": {"kind": "linear"}}, False),
        (REGIONS, {"activation": {"name": "tanh"}}, True),
        (REGIONS, {"network": {"hidden": [4], "normalization": "layer"}}, True),
        (REGIONS, DIGITS, True),
    ],
)
def test_a_probe_needs_something_to_look_at(
    probes: dict[str, Any], changes: dict[str, Any], is_blind: bool
) -> None:
    found = pointers(Limits(), probes=probes, **changes)
    assert found == ([f"/probes/{next(iter(probes))}"] if is_blind else [])
