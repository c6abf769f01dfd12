"""What is measured while training, a file per quantity. Definitions: docs/definitions.md.

On the device stand a log with a row per step and sums over the pass that follows each epoch; they
come to the host once a block of steps and once an epoch, where the quantities are judged, in
float64, for all members of a chunk at once.
"""

from workers.training.probes.dead import count_dead, mark_dead
from workers.training.probes.divergence import Divergence
from workers.training.probes.dormant import count_dormant
from workers.training.probes.effective_rank import SAMPLE, RankSamples, effective_ranks
from workers.training.probes.gradient_norm import gradient_norms, over_layers
from workers.training.probes.kinks import ActivationKinks
from workers.training.probes.linear_regions import linear_regions
from workers.training.probes.optimality import distances, gap
from workers.training.probes.parameter_norms import ParameterNorms, norms_of
from workers.training.probes.saturated import count_saturated
from workers.training.probes.series import Series
from workers.training.probes.sparsity import count_zeros
from workers.training.probes.unit_tally import JudgedLayer, UnitTally
from workers.training.probes.update_ratio import update_ratios

__all__ = [
    "SAMPLE",
    "ActivationKinks",
    "Divergence",
    "JudgedLayer",
    "ParameterNorms",
    "RankSamples",
    "Series",
    "UnitTally",
    "count_dead",
    "count_dormant",
    "count_saturated",
    "count_zeros",
    "distances",
    "effective_ranks",
    "gap",
    "gradient_norms",
    "linear_regions",
    "mark_dead",
    "norms_of",
    "over_layers",
    "update_ratios",
]
