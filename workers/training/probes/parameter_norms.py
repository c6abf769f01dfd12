"""L2 norms per layer of anything that is shaped like the parameters: gradients, weights, steps. A
layer's weights, bias, learned slope, and scale and shift of its normalisation count together.

Legend: K members, S steps of a block, L hidden layers, L + 1 layers with weights, V values of a
layer.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from workers.training.arrays import Array, to_host
from workers.training.shapes import Shapes


class ParameterNorms:
    """A log of norms: a row a step, two or three numbers a layer, put together when the block is
    read.

    A norm that overflows the working precision is infinite, and counts as not finite.
    """

    def __init__(self, K: int, steps: int, shapes: Shapes, device: torch.device) -> None:
        layers, hidden = shapes.layers, len(shapes.hidden)
        self._hidden = hidden

        def zeros(*size: int) -> Tensor:
            return torch.zeros(steps, *size, dtype=shapes.work, device=device)

        self._weights, self._values = zeros(layers, K), zeros(K, layers)
        self._scales = None if shapes.normalization == "none" else zeros(K, hidden)
        # Views made once: making one costs as much as the norm of a small tensor.
        rows = zip(self._weights.unbind(0), self._values.unbind(0), strict=True)
        self._rows = [[*weights.unbind(0), values] for weights, values in rows]
        if self._scales is not None:
            for row, scales in zip(self._rows, self._scales.unbind(0), strict=True):
                row.append(scales)

    def record(self, step: int, place: int, parameter: Tensor) -> None:
        """The weights [K, D_in D_out] of a layer; in the place after them the values [K, L + 1, V]
        of all layers, and last the scales [K, L, V] of hidden layers that are normalised."""
        torch.linalg.vector_norm(parameter, dim=-1, out=self._rows[step][place])

    def global_norm(self, step: int) -> Tensor:
        """Over all layers at one step, [K, 1, 1]. Adds layer by layer: a sum over so short a
        dimension might change its order with K."""
        squares = self._weights[step].T.square() + self._values[step].square()
        if self._scales is not None:
            squares[:, : self._hidden] += self._scales[step].square()
        total = squares[:, 0]
        for layer in range(1, squares.shape[1]):
            total = total + squares[:, layer]
        return total.sqrt()[:, None, None]

    def read(self, steps: int) -> Array:
        """[K, L + 1, steps]."""
        with np.errstate(over="ignore"):
            weights = np.square(to_host(self._weights[:steps])).transpose(2, 1, 0)
            values = np.square(to_host(self._values[:steps])).transpose(1, 2, 0)
            squares = np.ascontiguousarray(weights) + values
            if self._scales is not None:
                scales = np.square(to_host(self._scales[:steps])).transpose(1, 2, 0)
                squares[:, : self._hidden] += scales
            norms: Array = np.sqrt(squares)
        return norms


def norms_of(parameters: Sequence[Tensor], shapes: Shapes) -> Array:
    """[K, L + 1], of parameters as they lie in the state, in the working precision."""
    log = ParameterNorms(len(parameters[0]), 1, shapes, parameters[0].device)
    for place, parameter in enumerate(parameters):
        log.record(0, place, parameter.flatten(1) if place < shapes.layers else parameter)
    return log.read(1)[:, :, 0]
