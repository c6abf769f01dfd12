"""diverged_at_step: the first step, from 1, whose loss, gradient or updated weights were not
finite; 0 where the initialisation, or its loss over the training part, was not.

Legend: K members, S steps of a block, L + 1 layers with weights.
"""

import torch
from torch import Tensor

NEVER = float("inf")


class Divergence:
    """Keeps the first step at which something was not finite, [K]; NEVER while all is well."""

    def __init__(self, K: int, device: torch.device) -> None:
        self.first = torch.full((K,), NEVER, dtype=torch.float64, device=device)

    def fold(self, before: int, losses: Tensor, gradients: Tensor, weights: Tensor) -> None:
        """A block of steps after `before` others. `losses` and `gradients` [K, S]; `weights`
        [K, L + 1, S] as they were before each step, so those of step s tell of step s - 1."""
        steps = torch.arange(before + 1, before + 1 + losses.shape[1], device=losses.device)
        was_bad = (losses.isfinite() & gradients.isfinite()).logical_not_()
        came_bad = weights.isfinite().all(1).logical_not_()
        self._note(torch.where(was_bad, steps, NEVER).amin(1))
        self._note(torch.where(came_bad, steps - 1.0, NEVER).amin(1))

    def check(self, step: int, *numbers: Tensor) -> None:
        """At an epoch's end: numbers [K, …] that the last step is answerable for."""
        for number in numbers:
            is_fine = number.reshape(number.shape[0], -1).isfinite().all(1)
            self._note(torch.where(is_fine, NEVER, float(step)))

    def _note(self, first: Tensor) -> None:
        self.first = torch.minimum(self.first, first.double())
