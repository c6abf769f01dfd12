"""saturated: |φ'(z)| < 1e-3 for at least 99% of the training part, and not dead."""

from workers.training.arrays import Array
from workers.training.probes.dead import mark_dead
from workers.training.probes.unit_tally import JudgedLayer


def count_saturated(layer: JudgedLayer) -> Array:
    """[K]; NaN where the layer holds NaN. In whole numbers: 100 flat >= 99 examples."""
    is_flat = layer.flat * 100 >= layer.examples * 99
    return layer.where_known((is_flat & ~mark_dead(layer)).sum(axis=1))
