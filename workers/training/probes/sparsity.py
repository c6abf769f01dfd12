"""sparsity: share of the activations h[n, u] that are exactly 0."""

from torch import Tensor

from workers.training.probes.unit_tally import JudgedLayer


def count_zeros(layer: JudgedLayer, units: int) -> Tensor:
    """[K]: zeros among N x units activations; NaN where the layer holds NaN."""
    return layer.where_known(layer.zero[:, :units].sum(1))
