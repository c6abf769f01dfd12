"""dormant(τ): mean |h| of the unit <= τ (the layer's mean of the same + 1e-9). Sokar et al. 2023.

A layer that is all zero is all dormant; a layer that holds NaN, or whose mean is infinite, has no
score.
"""

import numpy as np

from workers.training.arrays import Array
from workers.training.probes.unit_tally import JudgedLayer


def count_dormant(layer: JudgedLayer, tau: Array) -> Array:
    """[K] with a τ [K] for each member; NaN where there is no score."""
    activity = layer.mean_activity
    with np.errstate(invalid="ignore", over="ignore"):
        layer_mean = activity.sum(axis=1) / layer.units
        score = activity / (layer_mean + 1e-9)[:, None]
        dormant = (score <= tau[:, None]).sum(axis=1)
    counts: Array = np.where(np.isfinite(layer_mean), dormant, np.nan)
    return counts
