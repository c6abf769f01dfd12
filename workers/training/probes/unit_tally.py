"""What the pass over the whole training part says about each unit: the sums from which dead,
saturated, dormant and sparse are judged.

Legend: K members, N examples of the training part, U units (padded).
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.training.activations import UnitCounts
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

    def __init__(self, counts: UnitCounts, examples: int) -> None:
        self.examples, self.units = examples, counts.passing.shape[1]
        self.passing, self.flat, self.zero = counts.passing, counts.flat, counts.zero
        self.mean_activity: Array = counts.activity / examples
        """Mean of |h|."""
        self.is_known: NDArray[np.bool_] = np.logical_not(np.isnan(counts.activity).any(axis=1))
        """[K], false for a layer that holds NaN: nobody can judge it."""

    def where_known(self, counts: Array) -> Array:
        """[K]: the counts, and NaN where nobody can judge."""
        known: Array = np.where(self.is_known, counts, np.nan)
        return known
