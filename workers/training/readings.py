"""What a chunk measured in an epoch, on its way to the events.

Legend: K members, L hidden layers, L + 1 layers with weights, N examples, Q values of a quantity,
U units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.training.activations import UnitCounts
from workers.training.arrays import Array
from workers.training.probes import (
    JudgedLayer,
    count_dead,
    count_dormant,
    count_saturated,
    count_zeros,
    effective_ranks,
    mark_dead,
)
from workers.training.step_log import StepMeasures
from workers.training.tensors import PartTensors


@dataclass(frozen=True, kw_only=True)
class Readings:
    """Quantities by name, [K, Q] each. A quantity that was not measured is missing."""

    values: dict[str, Array]
    units: Sequence["UnitMarks"]
    """Per hidden layer."""
    learning_rates: Sequence[float] | None
    """[K], of the epoch's last step; None where there was no step."""


@dataclass(frozen=True, kw_only=True)
class UnitMarks:
    """What is told of each unit of a layer, [K, U] each."""

    activity: NDArray[np.float32]
    """Mean of |h|."""
    dead: NDArray[np.uint8]
    """1 dead, 0 alive, UNKNOWN where the layer holds NaN."""


UNKNOWN = 255


@dataclass(frozen=True, kw_only=True)
class PassFindings:
    """What the pass over one part found."""

    part: PartTensors
    losses: Array
    """[K]: sum of the examples' losses."""
    scores: Array
    """[K]: right answers, or the sum of squared residuals."""

    def values(self, name: str) -> dict[str, Array]:
        """Loss and metric, [K, 1] each; nothing where the part is empty."""
        if not self.part.count:
            return {}
        loss = self.losses[:, None] / self.part.count
        return {f"{name}_loss": loss, f"{name}_metric": self._metric()[:, None]}

    def _metric(self) -> Array:
        """Accuracy or R², [K]. R² of targets that are all the same is NaN; so is the metric of
        whoever predicts NaN."""
        part, score = self.part, self.scores
        if not part.target.is_floating_point():
            values = score / part.count
        else:
            values = 1 - score / part.spread if part.spread > 0 else np.full_like(score, np.nan)
        result: Array = np.where(np.isnan(self.losses), np.nan, values)
        return result


@dataclass(frozen=True, kw_only=True)
class EpochFindings:
    """All that an epoch left, from which its quantities are judged."""

    train: PassFindings
    validation: PassFindings
    units: Sequence[UnitCounts]
    """Per hidden layer, over the training part."""
    positions: Sequence[int]
    """Per hidden layer: what a unit computes for an example."""
    eigenvalues: Sequence[Array]
    """Per hidden layer [K, n], of the representation's Gram matrix."""
    weight_norms: Array
    """[K, L + 1], of the parameters as they are."""
    of_weights: Mapping[str, Array]
    """[K, 1] each: what follows from the weights alone, where it is asked for and known."""


def judge(
    found: EpochFindings,
    measures: StepMeasures,
    *,
    step: int,
    tau: Array,
    learning_rates: Sequence[float] | None,
) -> Readings:
    """The epoch's readings after `step` steps. `tau` [K]: thresholds of the dormant score."""
    measured = {"weight_norm": found.weight_norms[:, :-1], **measures.readings()}
    measured |= found.train.values("train") | found.validation.values("validation")
    measured |= found.of_weights
    measures.divergence.check(step, found.weight_norms, measured["train_loss"])
    measured["diverged_at"] = measures.divergence.first[:, None]
    units = []
    hidden = zip(found.units, found.positions, found.eigenvalues, strict=True)
    for i, (counts, positions, eigenvalues) in enumerate(hidden):
        layer = JudgedLayer(counts, found.train.part.count * positions)
        measured |= {
            f"dead/{i}": count_dead(layer)[:, None],
            f"dormant/{i}": count_dormant(layer, tau)[:, None],
            f"saturated/{i}": count_saturated(layer)[:, None],
            f"zeros/{i}": count_zeros(layer)[:, None],
            f"effective_rank/{i}": effective_ranks(eigenvalues)[:, None],
        }
        units.append(unit_marks(layer))
    return Readings(values=measured, units=units, learning_rates=learning_rates)


def unit_marks(layer: JudgedLayer) -> UnitMarks:
    """An activity beyond float32 is infinite."""
    with np.errstate(over="ignore"):
        activity = layer.mean_activity.astype("<f4")
    dead = np.where(layer.is_known[:, None], mark_dead(layer), UNKNOWN)
    return UnitMarks(activity=activity, dead=dead.astype(np.uint8))
