"""update_ratio: |step| / |weights| per hidden layer, weights and bias together and as they were
before the step; mean of the epoch's steps. 0 where neither moves nor weighs anything (0 / 0).

Legend: K members, S steps of a block, L + 1 layers with weights.
"""

from torch import Tensor


def update_ratios(directions: Tensor, weights: Tensor, step_sizes: Tensor) -> Tensor:
    """[K, L, S] from the norms [K, L + 1, S] of the directions and of the weights, and the step
    sizes [K, S]."""
    moved = directions[:, :-1] * step_sizes[:, None]
    ratio = moved / weights[:, :-1]
    return ratio.masked_fill_((moved == 0) & (weights[:, :-1] == 0), 0.0)
