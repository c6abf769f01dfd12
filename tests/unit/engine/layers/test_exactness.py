"""Members of normalised and convolutional networks are the same to the bit in every stack."""

from typing import Any

import pytest

from tests.unit.engine.test_exactness import STACK, assert_exact, members


@pytest.mark.parametrize("precision", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("normalization", ["batch", "layer"])
@pytest.mark.parametrize("hidden", [[1], [9, 5], [65, 17]], ids=str)
def test_every_normalization_is_exact(
    hidden: list[int], normalization: str, precision: str
) -> None:
    """48 examples in batches of 23: the last one has 2."""
    network = {"hidden": hidden, "normalization": normalization}
    assert_exact(members(network=network, precision=precision, batch_size=23))


IMAGES: dict[str, Any] = {
    "dataset": {"name": "digits", "validation_fraction": 0.9},
    "loss": {"name": "cross_entropy"},
    "batch_size": 33,
    "epochs": 1,
}
"""180 examples."""


@pytest.mark.parametrize("precision", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize(
    ("pooling", "normalization"), [("none", "none"), ("average", "layer"), ("max", "batch")]
)
def test_every_convolutional_network_is_exact(
    pooling: str, normalization: str, precision: str
) -> None:
    network = {
        "kind": "cnn",
        "channels": [3, 17],
        "pooling": pooling,
        "normalization": normalization,
        "hidden": [5],
    }
    count = STACK if (precision, pooling) == ("float32", "max") else 9
    assert_exact(members(count, **IMAGES, network=network, precision=precision))


@pytest.mark.parametrize("batch_size", [7, 180])
@pytest.mark.parametrize("channels", [[1], [4, 1]], ids=str)
def test_small_convolutions_are_exact(channels: list[int], batch_size: int) -> None:
    network = {"kind": "cnn", "channels": channels, "kernel_size": 5, "hidden": []}
    given = IMAGES | {"batch_size": batch_size}
    assert_exact(members(9, **given, network=network, activation={"name": "sigmoid"}))


@pytest.mark.parametrize("normalization", ["batch", "layer"])
def test_clipped_normalized_layers_are_exact(normalization: str) -> None:
    network = {"hidden": [9, 5], "normalization": normalization}
    assert_exact(members(20, network=network, optimizer={"name": "adam", "clip_grad_norm": 0.1}))
