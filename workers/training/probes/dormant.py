"""dormant(τ): mean |h| of the unit <= τ (the layer's mean of the same + 1e-9). Sokar et al. 2023.

A layer that is all zero is all dormant; a layer that holds NaN, or whose mean is infinite, has no
score.
"""

import torch
from torch import Tensor

from workers.training.probes.unit_tally import JudgedLayer


def count_dormant(layer: JudgedLayer, units: int, tau: Tensor) -> Tensor:
    """[K] with a τ [K] for each member; NaN where there is no score."""
    activity = layer.mean_activity[:, :units].contiguous()
    layer_mean = activity.sum(1) / units
    score = activity / (layer_mean + 1e-9)[:, None]
    count = (score <= tau[:, None]).sum(1).double()
    return torch.where(layer_mean.isfinite(), count, torch.nan)
