"""sparsity: share of the activations h[n, u] that are exactly 0."""

from workers.training.arrays import Array
from workers.training.probes.unit_tally import JudgedLayer


def count_zeros(layer: JudgedLayer) -> Array:
    """[K]: zeros among N x U activations; NaN where the layer holds NaN."""
    return layer.where_known(layer.zero.sum(axis=1))
