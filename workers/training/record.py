"""From what was measured to the events that the service records.

Legend: K members, L hidden layers, U units of a hidden layer.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from service.domain.events import EpochEvent, UnitActivity
from service.domain.metrics import EpochMetrics, LayerMetrics
from service.domain.networks import LayerSize
from service.domain.spec import JobSpec
from workers.training.cohort import Member
from workers.training.probes import gap
from workers.training.readings import Readings

Rows = dict[str, list[list[float]]]
"""Quantities by name, [K, Q] each: plain numbers, since thousands of them are picked singly."""


class MemberReadings:
    """One member's row of the readings."""

    def __init__(self, values: Rows, row: int) -> None:
        self._values, self._row = values, row

    def real(self, name: str, place: int = 0) -> float | None:
        """A measured number, NaN and infinities included; None where it was not measured."""
        rows = self._values.get(name)
        return None if rows is None else rows[self._row][place]

    def known(self, name: str) -> float | None:
        """A measured number; None where it was not measured or nobody can say (NaN)."""
        value = self.real(name)
        return None if value is None or math.isnan(value) else value

    def count(self, name: str, place: int = 0) -> int | None:
        """A whole number; None where it was not measured or nobody can say (NaN)."""
        value = self.real(name, place)
        return None if value is None or math.isnan(value) else round(value)


@dataclass(frozen=True, kw_only=True)
class Common:
    """What all members of a cohort share, worked out once for all of them."""

    hidden: Sequence[LayerSize]
    examples: int
    """Of the training part."""
    has_validation: bool

    @classmethod
    def of(cls, spec: JobSpec) -> Self:
        return cls(
            hidden=spec.layer_sizes[:-1],
            examples=spec.training_examples,
            has_validation=spec.validation_examples > 0,
        )


def epoch_events(
    members: Sequence[Member], readings: Readings, *, epoch: int, step: int, seconds: float
) -> Iterator[EpochEvent]:
    """What each of the members, who are of one cohort, measured in one epoch."""
    values: Rows = {name: array.tolist() for name, array in readings.values.items()}
    common = Common.of(members[0].spec)
    for row, member in enumerate(members):
        one = MemberReadings(values, row)
        rate = None if readings.learning_rates is None else readings.learning_rates[row]
        layers = [
            _layer(one, epoch, i, size.units, common.examples * size.positions)
            for i, size in enumerate(common.hidden)
        ]
        yield EpochEvent(
            member=member.id,
            step=step,
            metrics=_metrics(common, one, layers, epoch=epoch, rate=rate, seconds=seconds),
            layers=layers,
            units=_units(readings, row) if member.spec.probes.unit_activity else [],
        )


def _layer(one: MemberReadings, epoch: int, i: int, units: int, examples: int) -> LayerMetrics:
    """`examples`: times positions."""
    zeros = one.count(f"zeros/{i}")
    return LayerMetrics(
        epoch=epoch,
        layer=i,
        units=units,
        dead=one.count(f"dead/{i}"),
        dormant=one.count(f"dormant/{i}"),
        saturated=one.count(f"saturated/{i}"),
        sparsity=None if zeros is None else zeros / (examples * units),
        kink_hits=one.count("kink_hits", i),
        kink_effective=one.count("kink_effective", i),
        first_effective_step=one.count("layer_first_effective_step", i),
        grad_norm_mean=one.real("layer_grad_norm_mean", i),
        grad_norm_max=one.real("layer_grad_norm_max", i),
        grad_norm_last=one.real("layer_grad_norm_last", i),
        update_ratio=one.real("update_ratio", i),
        weight_norm=one.real("weight_norm", i),
        effective_rank=one.known(f"effective_rank/{i}"),
        bifurcation_zeros=one.count("bifurcation_zeros", i),
    )


def _metrics(
    common: Common,
    one: MemberReadings,
    layers: list[LayerMetrics],
    *,
    epoch: int,
    rate: float | None,
    seconds: float,
) -> EpochMetrics:
    values = [size.units * size.positions for size in common.hidden]
    zeros = _share([one.count(f"zeros/{layer.layer}") for layer in layers], values)
    units = [layer.units for layer in layers]
    return EpochMetrics(
        epoch=epoch,
        train_loss=one.real("train_loss"),
        train_metric=_metric(one, "train"),
        validation_loss=one.real("validation_loss") if common.has_validation else None,
        validation_metric=_metric(one, "validation") if common.has_validation else None,
        learning_rate=rate,
        grad_norm_mean=one.real("grad_norm_mean"),
        grad_norm_max=one.real("grad_norm_max"),
        grad_norm_last=one.real("grad_norm_last"),
        dead_fraction=_share([layer.dead for layer in layers], units),
        dormant_fraction=_share([layer.dormant for layer in layers], units),
        saturated_fraction=_share([layer.saturated for layer in layers], units),
        sparsity=None if zeros is None else zeros / common.examples,
        kink_hits=None if rate is None else sum(layer.kink_hits or 0 for layer in layers),
        kink_effective=(
            None if rate is None else sum(layer.kink_effective or 0 for layer in layers)
        ),
        loss_kink_hits=one.count("loss_kink_hits"),
        loss_kink_effective=one.count("loss_kink_effective"),
        first_effective_step=one.count("first_effective_step"),
        bifurcation_differing=one.count("bifurcation_differing"),
        bifurcation_zeros=_sum([layer.bifurcation_zeros for layer in layers]),
        activation_forward_s=one.real("activation_forward_s"),
        activation_backward_s=one.real("activation_backward_s"),
        relu_forward_s=one.real("relu_forward_s"),
        relu_backward_s=one.real("relu_backward_s"),
        linear_regions=one.count("linear_regions"),
        seconds=seconds,
        optimality_gap=gap(one.real("train_loss"), one.real("optimum")),
        # NaN of a member whose optimum is known is its weights'.
        weight_distance=one.real("weight_distance") if one.known("optimum") is not None else None,
    )


def _share(counts: list[int | None], wholes: list[int]) -> float | None:
    """Of all hidden layers together; None for a network without any, or where one is unknown."""
    known = [count for count in counts if count is not None]
    if not wholes or len(known) < len(counts):
        return None
    return sum(known) / sum(wholes)


def _sum(counts: list[int | None]) -> int | None:
    """None where one is unknown, or there is none."""
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None


def _metric(one: MemberReadings, part: str) -> float | None:
    """R² of constant targets is nobody's: None. NaN where the loss is NaN."""
    metric, loss = one.real(f"{part}_metric"), one.real(f"{part}_loss")
    if metric is None or loss is None or (math.isnan(metric) and not math.isnan(loss)):
        return None
    return metric


def _units(readings: Readings, row: int) -> list[UnitActivity]:
    return [
        UnitActivity.of_bytes(i, marks.activity[row].tobytes(), marks.dead[row].tobytes())
        for i, marks in enumerate(readings.units)
    ]
