"""dead: φ'(z) = 0 for every example of the whole training part: no gradient can pass.

For relu with convention a: z < 0 everywhere, or z <= 0 where a = 0.
"""

from torch import Tensor

from workers.training.probes.unit_tally import JudgedLayer


def mark_dead(layer: JudgedLayer, units: int) -> Tensor:
    """[K, units], true for a dead unit. Says nothing where the layer holds NaN."""
    return layer.passing[:, :units] == 0


def count_dead(layer: JudgedLayer, units: int) -> Tensor:
    """[K]; NaN where the layer holds NaN."""
    return layer.where_known(mark_dead(layer, units).sum(1))
