"""What is measured while training, a file per quantity. Definitions: docs/definitions.md.

Step probes write a row per step into a log on the device and fold it at the end of a block of
steps; pass probes follow the forward pass over the whole training part after each epoch. All of
them hold float64 sums per member, and nothing reaches the host before the epoch is over.
"""

from workers.training.probes.dead import count_dead, mark_dead
from workers.training.probes.divergence import Divergence
from workers.training.probes.dormant import count_dormant
from workers.training.probes.effective_rank import RankSample, effective_rank, eigenvalues
from workers.training.probes.gradient_norm import gradient_norms
from workers.training.probes.kinks import ActivationKinks, LossKinks
from workers.training.probes.parameter_norms import ParameterNorms
from workers.training.probes.saturated import count_saturated
from workers.training.probes.series import Series
from workers.training.probes.sparsity import count_zeros
from workers.training.probes.unit_tally import UnitTally
from workers.training.probes.update_ratio import update_ratios

__all__ = [
    "ActivationKinks",
    "Divergence",
    "LossKinks",
    "ParameterNorms",
    "RankSample",
    "Series",
    "UnitTally",
    "count_dead",
    "count_dormant",
    "count_saturated",
    "count_zeros",
    "effective_rank",
    "eigenvalues",
    "gradient_norms",
    "mark_dead",
    "update_ratios",
]
