"""kink_hits: pre-activations (or residuals) exactly at a kink in training forward passes;
kink_effective: those among them whose upstream gradient was not 0, so the convention changed
what was learned. 0 for smooth activations and losses.

Legend: K members, S steps of a block, L hidden layers, R rows, U units.
"""

import torch
from torch import Tensor

_EXACT_IN_FLOAT32 = 2**24


class ActivationKinks:
    """A log [S, L, K] of both counts."""

    def __init__(self, K: int, steps: int, layers: int, largest: int, device: torch.device) -> None:
        """`largest`: the most values of one member that one count may be over."""
        fits = largest <= _EXACT_IN_FLOAT32
        self._dtype = torch.float32 if fits else torch.float64
        size = (2, steps, layers, K)
        self._log = torch.zeros(size, dtype=self._dtype, device=device)
        self._hits, self._effective = self._log.unbind(0)
        self._hit_sums = self._hits.unbind(0)
        self._hit_rows = [row.unbind(0) for row in self._hits.unbind(0)]
        self._effective_rows = [row.unbind(0) for row in self._effective.unbind(0)]
        self.start()

    def start(self) -> None:
        self._log.zero_()
        self._total: Tensor | None = None

    def count(self, step: int, layer: int, kinks: Tensor) -> None:
        """`kinks` [K, R, U]: 1 at a kink."""
        self._sum(kinks, self._hit_rows[step][layer])

    def count_effective(self, step: int, layer: int, kinks: Tensor, upstream: Tensor) -> None:
        """`upstream` [K, R, U]: the gradient that arrives at h."""
        self._sum(torch.ne(upstream, 0.0).mul(kinks), self._effective_rows[step][layer])

    def was_hit(self, step: int) -> bool:
        """Whether any layer of any member was. Waits for the device."""
        return bool(self._hit_sums[step].amax().item() > 0)

    def _sum(self, kinks: Tensor, out: Tensor) -> None:
        flat = kinks.view(kinks.shape[0], -1)
        if flat.dtype == out.dtype:
            torch.sum(flat, 1, out=out)
        else:
            torch.sum(flat, 1, dtype=out.dtype, out=out)

    def fold(self, steps: int) -> None:
        """Sums of whole numbers: exact in any order."""
        block = self._log[:, :steps].sum(1, dtype=torch.float64)
        self._total = block if self._total is None else self._total + block
        self._log.zero_()

    def readings(self, has_kinks: Tensor) -> dict[str, Tensor]:
        """`kink_hits` and `kink_effective` [K, L]; a member without kinks has none."""
        if self._total is None:
            return {}
        hits, effective = (self._total.transpose(1, 2) * has_kinks[:, None]).unbind(0)
        return {"kink_hits": hits, "kink_effective": effective}


class LossKinks:
    """The same two counts for |r| = 0. The gradient that arrives at a residual is its weight in
    the mean, which is never 0: every hit is effective."""

    def __init__(self, K: int, device: torch.device) -> None:
        self._hits = torch.zeros(K, dtype=torch.float64, device=device)
        self._has_steps = False

    def start(self) -> None:
        self._hits.zero_()
        self._has_steps = False

    def begin_steps(self) -> None:
        self._has_steps = True

    def add(self, hits: Tensor) -> None:
        self._hits += hits

    def readings(self) -> dict[str, Tensor]:
        if not self._has_steps:
            return {}
        return {"loss_kink_hits": self._hits, "loss_kink_effective": self._hits}
