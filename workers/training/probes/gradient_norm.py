"""grad_norm: L2 norm of the mini-batch gradient, per hidden layer and over all layers, before
clipping and weight decay; mean, maximum and last of the epoch's steps.

Legend: K members, S steps of a block, L hidden layers, L + 1 layers with weights.
"""

import numpy as np

from workers.training.arrays import Array


def over_layers(norms: Array) -> Array:
    """From [K, L + 1, S] to the norm over all layers, [K, S]."""
    with np.errstate(over="ignore"):
        total: Array = np.sqrt(np.square(norms).sum(axis=1))
    return total


def gradient_norms(norms: Array) -> Array:
    """[K, 1 + L, S]: over all layers, then per hidden layer, from [K, L + 1, S]."""
    return np.concatenate([over_layers(norms)[:, None], norms[:, :-1]], axis=1)
