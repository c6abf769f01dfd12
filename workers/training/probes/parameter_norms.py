"""L2 norms per layer (weights, bias and learned slope together) of anything that is shaped like
the parameters: gradients, weights, steps.

Legend: K members, S steps of a block, L + 1 layers with weights, V values of a layer.
"""

import torch
from torch import Tensor

from workers.training.probes.gradient_norm import over_layers


class ParameterNorms:
    """A log of norms: a row a step, two numbers a layer, put together when the block is folded.

    A norm that overflows the working precision is infinite, and counts as not finite.
    """

    def __init__(self, K: int, steps: int, layers: int, dtype: torch.dtype, device: torch.device):
        self._weights = torch.zeros(steps, layers, K, dtype=dtype, device=device)
        self._values = torch.zeros(steps, K, layers, dtype=dtype, device=device)
        # Views made once: making one costs as much as the norm of a small tensor.
        self._weight_rows = [row.unbind(0) for row in self._weights.unbind(0)]
        self._value_rows = self._values.unbind(0)

    def record_one(self, step: int, place: int, parameter: Tensor) -> None:
        """The weights [K, D_in, D_out] of a layer, or in the last place the values [K, L + 1, V]
        of all layers."""
        if place < len(self._weight_rows[step]):
            flat = parameter.view(parameter.shape[0], -1)
            torch.linalg.vector_norm(flat, dim=1, out=self._weight_rows[step][place])
        else:
            torch.linalg.vector_norm(parameter, dim=2, out=self._value_rows[step])

    def global_norm(self, step: int) -> Tensor:
        """Over all layers at one step, [K, 1, 1]."""
        squares = self._weights[step].T.square() + self._values[step].square()
        return over_layers(squares.sqrt()[:, :, None])[:, :, None]

    def layers(self, steps: int) -> Tensor:
        """[K, L + 1, steps] in float64."""
        weights = self._weights[:steps].permute(2, 1, 0).double()
        values = self._values[:steps].permute(1, 2, 0).double()
        return (weights.square() + values.square()).sqrt().contiguous()
