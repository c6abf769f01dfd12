"""L2 norms per layer (weights, bias and learned slope together) of anything that is shaped like
the parameters: gradients, weights, steps.

Legend: K members, S steps of a block, L + 1 layers with weights, V values of a layer.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from workers.training.arrays import Array, to_host


class ParameterNorms:
    """A log of norms: a row a step, two numbers a layer, put together when the block is read.

    A norm that overflows the working precision is infinite, and counts as not finite.
    """

    def __init__(self, K: int, steps: int, layers: int, dtype: torch.dtype, device: torch.device):
        self._weights = torch.zeros(steps, layers, K, dtype=dtype, device=device)
        self._values = torch.zeros(steps, K, layers, dtype=dtype, device=device)
        # Views made once: making one costs as much as the norm of a small tensor.
        rows = zip(self._weights.unbind(0), self._values.unbind(0), strict=True)
        self._rows = [[*weights.unbind(0), values] for weights, values in rows]

    def record(self, step: int, place: int, parameter: Tensor) -> None:
        """The weights [K, D_in D_out] of a layer, or in the last place the values [K, L + 1, V]
        of all layers."""
        torch.linalg.vector_norm(parameter, dim=-1, out=self._rows[step][place])

    def global_norm(self, step: int) -> Tensor:
        """Over all layers at one step, [K, 1, 1]. Adds layer by layer: a sum over so short a
        dimension might change its order with K."""
        squares = self._weights[step].T.square() + self._values[step].square()
        total = squares[:, 0]
        for layer in range(1, squares.shape[1]):
            total = total + squares[:, layer]
        return total.sqrt()[:, None, None]

    def read(self, steps: int) -> Array:
        """[K, L + 1, steps]."""
        with np.errstate(over="ignore"):
            weights = np.square(to_host(self._weights[:steps])).transpose(2, 1, 0)
            values = np.square(to_host(self._values[:steps])).transpose(1, 2, 0)
            norms: Array = np.sqrt(np.ascontiguousarray(weights) + values)
        return norms


def norms_of(parameters: Sequence[Tensor]) -> Array:
    """[K, L + 1], of weights [K, D_in, D_out] layer by layer and then the values [K, L + 1, V]."""
    *weights, values = parameters
    log = ParameterNorms(len(values), 1, len(weights), values.dtype, values.device)
    for place, parameter in enumerate([*(weight.flatten(1) for weight in weights), values]):
        log.record(0, place, parameter)
    return log.read(1)[:, :, 0]
