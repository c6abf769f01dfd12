"""Mean, maximum and last value of what is measured at every step.

Legend: K members, Q quantities, S steps of a block.
"""

import numpy as np

from workers.training.arrays import Array


class Series:
    """Folds blocks [K, Q, S] of consecutive steps. NaN stays NaN in all three. Blocks are cut by
    the spec alone, so the order of summation does not depend on the cohort."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        self._steps = 0
        self._sum: Array | None = None
        self._max: Array | None = None
        self._last: Array | None = None

    def fold(self, block: Array) -> None:
        with np.errstate(invalid="ignore", over="ignore"):
            total, largest = block.sum(axis=2), block.max(axis=2)
            self._sum = total if self._sum is None else self._sum + total
            self._max = largest if self._max is None else np.maximum(self._max, largest)
        self._steps += block.shape[2]
        self._last = block[:, :, -1]

    def readings(self) -> tuple[Array, Array, Array] | None:
        """Mean, maximum and last, [K, Q] each; None where there was no step."""
        if self._sum is None or self._max is None or self._last is None:
            return None
        return self._sum / self._steps, self._max, self._last
