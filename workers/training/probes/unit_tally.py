"""What the pass over the whole training part says about each unit: the sums from which dead,
saturated, dormant and sparse are judged.

Legend: K members, N examples of the training part, U units (padded).
"""

import numpy as np
import torch
from torch import Tensor

from workers.training.activations import Kernel, UnitCounts
from workers.training.arrays import Array


class UnitTally:
    """One layer's sums of a pass, in float64: counts stay exact, activities precise. The members
    come in slices, one after the other."""

    def __init__(self) -> None:
        self._slices: list[dict[str, Tensor]] = []
        self._sums: dict[str, Tensor] = {}

    def add(self, sums: dict[str, Tensor]) -> None:
        """Some rows of the slice at hand."""
        for name, value in sums.items():
            if name in self._sums:
                self._sums[name] += value
            else:
                self._sums[name] = value.double()

    def end_slice(self) -> None:
        self._slices.append(self._sums)
        self._sums = {}

    def sums(self) -> dict[str, Tensor]:
        """Of all members, [K, U] each."""
        if len(self._slices) == 1:
            return self._slices[0]
        names = {name for sums in self._slices for name in sums}
        return {name: torch.cat([_of(sums, name) for sums in self._slices]) for name in names}


def _of(sums: dict[str, Tensor], name: str) -> Tensor:
    """A sum to which one slice had nothing to add is 0 there."""
    return sums[name] if name in sums else torch.zeros_like(sums["activity"])


class JudgedLayer:
    """What the sums say about the real units of a layer, [K, U] each."""

    def __init__(self, kernel: Kernel, sums: dict[str, Array], examples: int, units: int) -> None:
        cut = {name: np.ascontiguousarray(values[:, :units]) for name, values in sums.items()}
        counts: UnitCounts = kernel.judge(cut, examples)
        self.examples, self.units = examples, units
        self.passing, self.flat, self.zero = counts.passing, counts.flat, counts.zero
        self.mean_activity: Array = counts.activity / examples
        """Mean of |h|."""
        self._is_known = ~np.isnan(counts.activity).any(axis=1)

    def where_known(self, counts: Array) -> Array:
        """[K]: the counts, and NaN for a layer that holds NaN: nobody can judge it."""
        known: Array = np.where(self._is_known, counts, np.nan)
        return known
