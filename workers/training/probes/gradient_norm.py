"""grad_norm: L2 norm of the mini-batch gradient, per hidden layer and over all layers, before
clipping and weight decay; mean, maximum and last of the epoch's steps.

Legend: K members, S steps of a block, L + 1 layers with weights.
"""

import torch
from torch import Tensor


def over_layers(norms: Tensor) -> Tensor:
    """From [K, L + 1, S] to the norm over all layers, [K, S]. Adds layer by layer: a sum over so
    short a dimension might change its order with K."""
    squares = norms.square()
    total = squares[:, 0]
    for layer in range(1, norms.shape[1]):
        total = total + squares[:, layer]
    return total.sqrt()


def gradient_norms(norms: Tensor) -> Tensor:
    """[K, 1 + L, S]: over all layers, then per hidden layer, from [K, L + 1, S]."""
    return torch.cat([over_layers(norms)[:, None], norms[:, :-1]], 1)
