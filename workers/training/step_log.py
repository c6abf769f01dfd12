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
    """[2, K, L], over all steps: hits, and effective hits."""


class StepMeasures:
    """Folds an epoch's blocks into its readings. Blocks are cut by the spec alone."""

    def __init__(self, K: int, has_kinks: Array) -> None:
        """`has_kinks` [K], 1 or 0: a member without kinks has no hits."""
        self.divergence = Divergence(K)
        self._series = Series()
        self._has_kinks = has_kinks
        self._kinks: Array | None = None

    def start(self) -> None:
        """Forgets the last epoch."""
        self._series.start()
        self._kinks = None

    def fold(self, before: int, log: StepLog) -> None:
        """A block after `before` steps of the whole training."""
        norms = gradient_norms(log.gradients)
        ratios = update_ratios(log.directions, log.weights, log.step_sizes)
        self._series.fold(np.concatenate([norms, ratios], axis=1))
        self._kinks = log.kinks if self._kinks is None else self._kinks + log.kinks
        self.divergence.fold(before, log.losses, norms[:, 0], log.weights)

    def readings(self) -> dict[str, Array]:
        """[K, Q] each; nothing where there was no step."""
        measured = self._series.readings()
        if measured is None or self._kinks is None:
            return {}
        first = 1 + self._kinks.shape[2]
        readings = {"update_ratio": measured[0][:, first:]}
        for name, values in zip(("mean", "max", "last"), measured, strict=True):
            readings[f"grad_norm_{name}"] = values[:, :1]
            readings[f"layer_grad_norm_{name}"] = values[:, 1:first]
        hits, effective = self._kinks * self._has_kinks[:, None]
        return readings | {"kink_hits": hits, "kink_effective": effective}
