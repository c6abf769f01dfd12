"""diverged_at_step: the first step, from 1, whose loss, gradient or updated weights were not
finite; 0 where the initialisation, or its loss over the training part, was not.

Legend: K members, S steps of a block, L + 1 layers with weights.
"""

import numpy as np

from workers.training.arrays import Array


class Divergence:
    """Keeps the first step at which something was not finite, [K]; infinity while all is well."""

    def __init__(self, K: int) -> None:
        self.first: Array = np.full(K, np.inf)

    def fold(self, before: int, losses: Array, gradients: Array, weights: Array) -> None:
        """A block of steps after `before` others. `losses` and `gradients` [K, S]; `weights`
        [K, L + 1, S] as they were before each step, so those of step s tell of step s - 1."""
        steps = np.arange(before + 1, before + 1 + losses.shape[1])
        was_bad = ~(np.isfinite(losses) & np.isfinite(gradients))
        came_bad = ~np.isfinite(weights).all(axis=1)
        if was_bad.any() or came_bad.any():
            self._note(np.where(was_bad, steps, np.inf).min(axis=1))
            self._note(np.where(came_bad, steps - 1, np.inf).min(axis=1))

    def check(self, step: int, *numbers: Array) -> None:
        """At an epoch's end: numbers [K, …] that the last step is answerable for."""
        for number in numbers:
            is_fine = np.isfinite(number).reshape(len(number), -1).all(axis=1)
            self._note(np.where(is_fine, np.inf, step))

    def _note(self, first: Array) -> None:
        self.first = np.minimum(self.first, first)
