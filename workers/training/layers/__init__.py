"""What a layer is made of, a class per kind: the linear map from what it takes to what its units
compute, and the normalisation between map and activation.

A new kind of map or normalisation is a class, and one line here.
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from workers.training.layers.convolution import Convolution
from workers.training.layers.image import FlattenedMap, ImageMap
from workers.training.layers.linear import LayerMap, LinearMap
from workers.training.layers.normalization import BatchNorm, LayerNorm, Normalizer, NormBuffers
from workers.training.shapes import Shapes
from workers.training.state import State

NORMALIZERS: dict[str, type[Normalizer]] = {"batch": BatchNorm, "layer": LayerNorm}


def linear_maps(state: State, shapes: Shapes, biases: Sequence[Tensor]) -> list[LayerMap[Any]]:
    """One for each layer with weights. A normalised layer's bias is its shift, not its map's."""
    has_bias = [shapes.normalization == "none"] * len(shapes.hidden) + [True]
    maps: list[LayerMap[Any]] = []
    for i, size in enumerate(shapes.sizes):
        weight, bias = state.weights[i], biases[i] if has_bias[i] else None
        if size.source is None:
            maps.append(LinearMap(weight, bias))
        else:
            kind: type[ImageMap] = FlattenedMap if size.kernel_size is None else Convolution
            maps.append(kind(weight, bias, size, takes_features=i == 0))
    return maps


def normalizers(state: State, shapes: Shapes, biases: Sequence[Tensor]) -> list[Normalizer]:
    """One for each hidden layer; none where there is no normalisation."""
    if shapes.normalization == "none":
        return []
    kind, (scales,) = NORMALIZERS[shapes.normalization], state.scales
    return [
        kind(
            scale=scales[:, i, None, : bias.shape[2]],
            shift=bias,
            statistics=[running[:, i, None, : bias.shape[2]] for running in state.statistics],
            units=units,
            positions=shapes.positions[i],
        )
        for i, (units, bias) in enumerate(zip(shapes.hidden, biases, strict=False))
    ]


__all__ = [
    "LayerMap",
    "NormBuffers",
    "Normalizer",
    "linear_maps",
    "normalizers",
]
