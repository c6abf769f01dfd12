"""What the pass over the whole training part says about each unit: the sums from which dead,
saturated, dormant and sparse are judged.

Legend: K members, L hidden layers, N examples of the training part, U units (padded).
"""

import torch
from torch import Tensor

from workers.training.activations import Kernel, Sums, UnitCounts


class UnitTally:
    """One layer's sums of a pass, in float64: counts stay exact, activities precise. The members
    come in slices, one after the other."""

    def __init__(self) -> None:
        self._slices: list[Sums] = []
        self._sums: Sums = {}
        self._examples = 0

    def add(self, sums: Sums, rows: int) -> None:
        """Rows of the slice at hand."""
        self._examples += rows
        for name, value in sums.items():
            if name in self._sums:
                self._sums[name] += value
            else:
                self._sums[name] = value.double()

    def end_slice(self) -> None:
        self._slices.append(self._sums)
        self._sums = {}

    def judge(self, kernel: Kernel) -> "JudgedLayer":
        """After the pass: all members at once."""
        examples = self._examples // len(self._slices)
        joined = {
            name: torch.cat([self._of(sums, name) for sums in self._slices])
            for name in {name for sums in self._slices for name in sums}
        }
        return JudgedLayer(kernel.judge(joined, examples), examples)

    @staticmethod
    def _of(sums: Sums, name: str) -> Tensor:
        """A sum that had nothing to add up in one slice is 0 there."""
        return sums[name] if name in sums else torch.zeros_like(sums["activity"])


class JudgedLayer:
    """What the pass over the whole training part says about the units of a layer."""

    def __init__(self, counts: UnitCounts, examples: int) -> None:
        self.passing, self.flat, self.zero = counts.passing, counts.flat, counts.zero
        self.examples = examples
        self.mean_activity = counts.activity / examples
        """[K, U]: mean of |h|."""
        self.is_known = counts.activity.isnan().any(1).logical_not_()
        """[K]: the layer holds no NaN. A layer with NaN is judged by nobody."""

    def where_known(self, counts: Tensor) -> Tensor:
        """[K]: the counts, and NaN for a layer that cannot be judged."""
        return torch.where(self.is_known, counts.double(), torch.nan)
