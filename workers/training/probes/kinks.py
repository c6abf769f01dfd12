"""kink_hits: pre-activations exactly at a kink in training forward passes; kink_effective: those
among them whose upstream gradient was not 0, so the convention changed what was learned. 0 for
smooth activations.

Legend: K members, S steps of a block, L hidden layers, R rows, U units.
"""

import torch
from torch import Tensor

from workers.training.arrays import Array, to_host

_EXACT_IN_FLOAT32 = 2**24


class ActivationKinks:
    """A log [S, L, K] of both counts."""

    def __init__(self, K: int, steps: int, layers: int, largest: int, device: torch.device) -> None:
        """`largest`: the most values of one member that one count may be over."""
        dtype = torch.float32 if largest <= _EXACT_IN_FLOAT32 else torch.float64
        self._log = torch.zeros(2, steps, layers, K, dtype=dtype, device=device)
        hits, effective = self._log.unbind(0)
        self._hit_steps = hits.unbind(0)
        self._hit_rows = [row.unbind(0) for row in hits.unbind(0)]
        self._effective_rows = [row.unbind(0) for row in effective.unbind(0)]

    def count(self, step: int, layer: int, kinks: Tensor) -> None:
        """`kinks` [K, R, U]: 1 at a kink."""
        self._sum(kinks, self._hit_rows[step][layer])

    def count_effective(self, step: int, layer: int, kinks: Tensor, upstream: Tensor) -> None:
        """`upstream` [K, R, U]: the gradient that arrives at h."""
        self._sum(torch.ne(upstream, 0.0).mul(kinks), self._effective_rows[step][layer])

    def was_hit(self, step: int) -> bool:
        """Whether any layer of any member was. Waits for the device."""
        return self._hit_steps[step].amax().item() > 0

    def _sum(self, kinks: Tensor, out: Tensor) -> None:
        """Sums of whole numbers: exact in any order."""
        flat = kinks.view(kinks.shape[0], -1)
        if flat.dtype == out.dtype:
            torch.sum(flat, 1, out=out)
        else:
            torch.sum(flat, 1, dtype=out.dtype, out=out)

    def read(self, steps: int) -> Array:
        """[2, K, L, S]: hits and effective hits of the block's steps, which are then forgotten.
        Waits for the device."""
        block: Array = to_host(self._log[:, :steps]).transpose(0, 3, 2, 1)
        self._log.zero_()
        return block
