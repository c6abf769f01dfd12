"""Normalised and convolutional networks against one network in a plain autograd loop."""

from typing import Any

import pytest

from tests.unit.engine.plain_cohorts import CLASSES, SQUARES, TASKS, cohort, disagreements

NORMALIZATIONS = pytest.mark.parametrize("normalization", ["batch", "layer"])


@TASKS
@NORMALIZATIONS
@pytest.mark.parametrize("hidden", [[1], [7, 5], [5, 17, 3]], ids=str)
def test_every_normalization_agrees(
    task: dict[str, Any], normalization: str, hidden: list[int]
) -> None:
    network = {"hidden": hidden, "normalization": normalization, "init": {"bias": 0.1}}
    assert disagreements(cohort(**task, network=network)) == {}


@NORMALIZATIONS
@pytest.mark.parametrize("name", ["relu6", "prelu", "gelu", "sigmoid", "hardtanh"])
def test_normalized_layers_agree_with_every_kind_of_activation(
    normalization: str, name: str
) -> None:
    network = {"hidden": [7, 5], "normalization": normalization}
    assert disagreements(cohort(**SQUARES, network=network, activation={"name": name})) == {}


@NORMALIZATIONS
@pytest.mark.parametrize(
    "optimizer",
    [{"clip_grad_norm": 0.3}, {"name": "adam"}, {"name": "adam", "clip_grad_norm": 0.3}],
    ids=["clipped", "adam", "clipped-adam"],
)
def test_normalized_layers_agree_with_every_optimizer(
    normalization: str, optimizer: dict[str, Any]
) -> None:
    network = {"hidden": [7, 5], "normalization": normalization}
    assert disagreements(cohort(**CLASSES, network=network, optimizer=optimizer)) == {}


@NORMALIZATIONS
def test_normalized_layers_agree_in_single_precision(normalization: str) -> None:
    network = {"hidden": [9, 4], "normalization": normalization}
    specs = cohort(**SQUARES, network=network, precision="float32", epochs=2)
    assert disagreements(specs) == {}


IMAGES: dict[str, Any] = {
    "dataset": {"name": "digits", "validation_fraction": 0.9},
    "loss": {"name": "cross_entropy"},
    "batch_size": 47,
    "epochs": 2,
}
"""180 examples, 4 steps an epoch."""


@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
@pytest.mark.parametrize("pooling", ["none", "average", "max"])
@pytest.mark.parametrize(
    "shape",
    [
        {"channels": [1], "hidden": []},
        {"channels": [3, 5], "hidden": [7]},
        {"channels": [2, 17, 3], "kernel_size": 1, "hidden": []},
        {"channels": [5], "kernel_size": 5, "hidden": [4, 6]},
    ],
    ids=["one", "two", "deep", "wide"],
)
def test_every_convolutional_network_agrees(
    shape: dict[str, Any], pooling: str, normalization: str
) -> None:
    network = {"kind": "cnn", "pooling": pooling, "normalization": normalization} | shape
    assert disagreements(cohort(**IMAGES, network=network)) == {}


@pytest.mark.parametrize("name", ["prelu", "gelu", "sigmoid", "hardtanh"])
def test_convolutions_agree_with_every_kind_of_activation(name: str) -> None:
    """h of a sigmoid is no 0 in the padding of what a convolution takes."""
    network = {"kind": "cnn", "channels": [3, 2], "pooling": "max", "hidden": [4]}
    assert disagreements(cohort(**IMAGES, network=network, activation={"name": name})) == {}


def test_convolutions_agree_in_single_precision() -> None:
    network = {"kind": "cnn", "channels": [3, 5], "pooling": "average", "hidden": [7]}
    assert disagreements(cohort(**IMAGES, network=network, precision="float32")) == {}


@pytest.mark.parametrize("init", ["xavier_normal", "xavier_uniform", "orthogonal", "zeros"])
def test_convolutions_agree_from_every_start(init: str) -> None:
    """From zeros all pre-activations are at the kink, and all of a window are equally large."""
    start = {"name": init}
    network = {"kind": "cnn", "channels": [3], "pooling": "max", "hidden": [], "init": start}
    assert disagreements(cohort(**IMAGES, network=network)) == {}
