"""What is known of a job that has ended, as the rules read it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from service.domain.diagnosis import Code, Evidence, Finding, Severity, Treatment
from service.domain.job import Job, StatusChange

EPOCH_NAMES = (
    "epoch",
    "train_loss",
    "train_metric",
    "validation_loss",
    "validation_metric",
    "learning_rate",
    "grad_norm_mean",
    "grad_norm_max",
    "dead_fraction",
    "kink_hits",
    "kink_effective",
    "loss_kink_hits",
    "loss_kink_effective",
    "first_effective_step",
    "optimality_gap",
)
LAYER_NAMES = (
    "epoch",
    "layer",
    "units",
    "dead",
    "dormant",
    "saturated",
    "kink_effective",
    "grad_norm_mean",
    "update_ratio",
)

Point = tuple[int, float]
"""An epoch and a finite value."""


def is_number(value: Any) -> bool:
    """Whether it was measured and is finite."""
    return value is not None and math.isfinite(value)


@dataclass(frozen=True, kw_only=True)
class LayerHistory:
    """One hidden layer, an entry per epoch in every column."""

    index: int
    units: int
    columns: Mapping[str, Sequence[Any]]

    def points(self, name: str) -> list[Point]:
        """The finite values with their epochs."""
        pairs = zip(self.columns["epoch"], self.columns[name], strict=True)
        return [(epoch, value) for epoch, value in pairs if is_number(value)]

    def share(self, *names: str) -> list[Point]:
        """Counts of units, added up, over the layer's units."""
        epochs = self.columns["epoch"]
        rows = zip(epochs, *(self.columns[name] for name in names), strict=True)
        return [
            (epoch, sum(counts) / self.units)
            for epoch, *counts in rows
            if all(map(is_number, counts))
        ]


@dataclass(frozen=True, kw_only=True)
class History:
    """A job, its moves, and its series by column: EPOCH_NAMES and LAYER_NAMES, in order."""

    job: Job
    moves: Sequence[StatusChange]
    epochs: Mapping[str, Sequence[Any]]
    layer_rows: Mapping[str, Sequence[Any]]

    @property
    def last_epoch(self) -> int | None:
        return self.epochs["epoch"][-1] if self.epochs["epoch"] else None

    @property
    def trained_epochs(self) -> int:
        return self.last_epoch or 0

    def points(self, name: str) -> list[Point]:
        """The finite values of a column of `/epochs` with their epochs."""
        pairs = zip(self.epochs["epoch"], self.epochs[name], strict=True)
        return [(epoch, value) for epoch, value in pairs if is_number(value)]

    def total(self, name: str) -> int:
        """Sum of a count over all epochs."""
        return sum(value for value in self.epochs[name] if value is not None)

    @cached_property
    def layers(self) -> list[LayerHistory]:
        """The hidden layers, from 0."""
        rows: dict[int, list[int]] = {}
        for at, layer in enumerate(self.layer_rows["layer"]):
            rows.setdefault(layer, []).append(at)
        return [
            LayerHistory(
                index=layer,
                units=self.layer_rows["units"][places[0]],
                columns={
                    name: [self.layer_rows[name][at] for at in places] for name in LAYER_NAMES
                },
            )
            for layer, places in sorted(rows.items())
        ]

    def finding(
        self,
        code: Code,
        severity: Severity,
        summary: str,
        evidence: Sequence[Evidence] = (),
        *,
        treatments: Sequence[Treatment | None] = (),
        epochs: Sequence[str] = (),
        layers: Sequence[str] = (),
    ) -> Finding:
        """A finding, with the address of the columns that it rests on. Treatments that do not
        apply are None."""
        series = None
        if epochs and self.last_epoch is not None:
            series = self._address("epochs", ("epoch", *epochs))
        elif layers and self.last_epoch is not None:
            series = self._address("layers", ("epoch", "layer", *layers))
        return Finding(
            code=code,
            severity=severity,
            summary=summary,
            evidence=list(evidence),
            series=series,
            treatments=[one for one in treatments if one is not None],
        )

    def _address(self, table: str, columns: Sequence[str]) -> str:
        return f"/v1/jobs/{self.job.id}/{table}?columns={','.join(columns)}"


def settled_since(points: Sequence[Point], threshold: float) -> int | None:
    """The first epoch from which on every value is at least the threshold; None: the last is
    not."""
    since = None
    for epoch, value in reversed(points):
        if value < threshold:
            break
        since = epoch
    return since
