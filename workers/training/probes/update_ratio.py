"""update_ratio: |step| / |weights| per hidden layer, weights and bias together and as they were
before the step; mean of the epoch's steps. 0 where neither moves nor weighs anything (0 / 0).

Legend: K members, S steps of a block, L + 1 layers with weights.
"""

import numpy as np

from workers.training.arrays import Array


def update_ratios(directions: Array, weights: Array, step_sizes: Array) -> Array:
    """[K, L, S] from the norms [K, L + 1, S] of the directions and of the weights, and the step
    sizes [K, S]."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        moved = directions[:, :-1] * step_sizes[:, None]
        ratio: Array = moved / weights[:, :-1]
    ratio[(moved == 0) & (weights[:, :-1] == 0)] = 0.0
    return ratio
