"""What the steps of an epoch measured, on the host in float64, whichever back end took them.

Legend: K members, L hidden layers, L + 1 layers with weights, S steps of a block.
"""

from dataclasses import dataclass

import numpy as np

from workers.training.arrays import Array
from workers.training.probes import Divergence, Series, gradient_norms, update_ratios


@dataclass(frozen=True, kw_only=True)
class StepLog:
    """A block of consecutive steps."""

    losses: Array
    """[K, S], mean over the batch."""
    gradients: Array
    """[K, L + 1, S]: L2 norms of the gradient, before clipping and weight decay."""
    weights: Array
    """[K, L + 1, S]: of the parameters before the step."""
    directions: Array
    """[K, L + 1, S]: of what was multiplied with the step size."""
    step_sizes: Array
    """[K, S]"""
    kinks: Array
    """[2, K, L, S]: hits, and effective hits."""
    loss_kinks: Array
    """[K, S]: residuals or margins at the loss's kink. What arrives there is the example's weight
    in the mean, never 0, so each of them is effective."""


class StepMeasures:
    """Folds an epoch's blocks into its readings. Blocks are cut by the spec alone."""

    def __init__(self, K: int, has_kinks: Array) -> None:
        """`has_kinks` [K], 1 or 0: a member without kinks has no hits."""
        self.divergence = Divergence(K)
        self._series = Series()
        self._has_kinks = has_kinks[:, None, None]
        self.start()

    def start(self) -> None:
        """Forgets the last epoch."""
        self._series.start()
        self._counts: Array | None = None
        self._first: Array | None = None

    def fold(self, before: int, log: StepLog) -> None:
        """A block after `before` steps of the whole training."""
        norms = gradient_norms(log.gradients)
        ratios = update_ratios(log.directions, log.weights, log.step_sizes)
        self._series.fold(np.concatenate([norms, ratios], axis=1))
        # The loss stands behind the hidden layers.
        of_loss = np.stack([log.loss_kinks, log.loss_kinks])[:, :, None]
        kinks = np.concatenate([log.kinks * self._has_kinks, of_loss], axis=2)
        counts, first = kinks.sum(axis=3), _first_steps(kinks[1], before)
        self._counts = counts if self._counts is None else self._counts + counts
        self._first = first if self._first is None else np.fmin(self._first, first)
        self.divergence.fold(before, log.losses, norms[:, 0], log.weights)

    def readings(self) -> dict[str, Array]:
        """[K, Q] each; nothing where there was no step."""
        measured = self._series.readings()
        if measured is None or self._counts is None or self._first is None:
            return {}
        first = self._counts.shape[2]
        readings = {"update_ratio": measured[0][:, first:]}
        for name, values in zip(("mean", "max", "last"), measured, strict=True):
            readings[f"grad_norm_{name}"] = values[:, :1]
            readings[f"layer_grad_norm_{name}"] = values[:, 1:first]
        (hits, effective), layers = self._counts, slice(None, -1)
        readings |= {"kink_hits": hits[:, layers], "kink_effective": effective[:, layers]}
        readings["loss_kink_hits"] = readings["loss_kink_effective"] = hits[:, -1:]
        readings["layer_first_effective_step"] = self._first[:, layers]
        with np.errstate(invalid="ignore"):
            readings["first_effective_step"] = np.fmin.reduce(self._first, axis=1, keepdims=True)
        return readings


def _first_steps(effective: Array, before: int) -> Array:
    """[K, Q] from counts [K, Q, S]: the first step, from 1, with any; NaN where there was none."""
    has_any = effective > 0
    steps = before + 1 + has_any.argmax(axis=2)
    first: Array = np.where(has_any.any(axis=2), steps, np.nan)
    return first
