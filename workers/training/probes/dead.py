"""dead: φ'(z) = 0 for every example of the whole training part: no gradient can pass.

For relu with convention a: z < 0 everywhere, or z <= 0 where a = 0.
"""

import numpy as np
from numpy.typing import NDArray

from workers.training.arrays import Array
from workers.training.probes.unit_tally import JudgedLayer


def mark_dead(layer: JudgedLayer) -> NDArray[np.bool_]:
    """[K, U], true for a dead unit. Says nothing where the layer holds NaN."""
    marks: NDArray[np.bool_] = layer.passing == 0
    return marks


def count_dead(layer: JudgedLayer) -> Array:
    """[K]; NaN where the layer holds NaN."""
    return layer.where_known(mark_dead(layer).sum(axis=1))
