"""A job with its series, as exports take it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.domain.job import Job

Columns = Mapping[str, Sequence[Any]]


@dataclass(frozen=True, kw_only=True)
class Run:
    """A job and what it measured: lists by column, all equally long within each series."""

    job: Job
    epochs: Columns
    layers: Columns

    @property
    def label(self) -> str:
        """The job's name, made unique and fit for a file's name by its id."""
        named = "".join(c if c.isalnum() or c in "._-" else "_" for c in self.job.name or "")
        return f"{named[:60]}-{self.job.id}" if named else self.job.id

    def scalars(self) -> Iterator[tuple[str, int, float]]:
        """Quantity, epoch and value of everything that was measured, NaN and infinities among it:
        `train_loss`, and `layers/0/dead` for hidden layer 0."""
        for row, name, value in _cells(self.epochs, ("epoch",)):
            yield name, self.epochs["epoch"][row], value
        for row, name, value in _cells(self.layers, ("epoch", "layer")):
            layer, epoch = self.layers["layer"][row], self.layers["epoch"][row]
            yield f"layers/{layer}/{name}", epoch, value

    def parameters(self) -> dict[str, Any]:
        """The spec, flat: `optimizer.learning_rate`. Lists are JSON."""
        return dict(_flat(self.job.spec.model_dump(mode="json"), ""))

    def times(self) -> list[float]:
        """When each of the epochs ended, in seconds since 1970: the start and the seconds since."""
        started = (self.job.started_at or self.job.created_at).timestamp()
        seconds = self.epochs.get("seconds") or [None] * len(self.epochs["epoch"])
        ends = []
        for took in seconds:
            started += took or 0.0
            ends.append(started)
        return ends


def values_of(job: Job, paths: Sequence[str]) -> dict[str, Any]:
    """What the job's spec says at these dotted paths; None where it says nothing."""
    spec = job.spec.model_dump(mode="json")
    return {path: _at(spec, path.split(".")) for path in paths}


def _at(part: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        if isinstance(part, list):
            part = part[int(step)] if step.isdigit() and int(step) < len(part) else None
        else:
            part = part.get(step) if isinstance(part, dict) else None
    return part


def _cells(columns: Columns, keys: Sequence[str]) -> Iterator[tuple[int, str, float]]:
    """Row, column and value of what was measured."""
    for name, values in columns.items():
        if name not in keys:
            yield from ((row, name, float(v)) for row, v in enumerate(values) if v is not None)


def _flat(part: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(part, dict) and part:
        for name, inner in part.items():
            yield from _flat(inner, f"{path}.{name}" if path else name)
    else:
        yield path, json.dumps(part) if isinstance(part, list | dict) else part
