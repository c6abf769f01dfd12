"""What the record tells of the jobs of a study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.domain.base import JsonObject
from service.domain.states import JobStatus, Outcome

Value = float | int | None
"""NaN and infinities are measured values; None: was not measured."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """A job of a sweep, as the database holds it."""

    job_id: str
    seed: int
    point: Mapping[str, Any]
    """Its value on each axis of the sweep, by the axis's path."""
    spec: JsonObject
    status: JobStatus
    outcome: Outcome | None
    diverged_at_step: int | None
    environment: JsonObject | None
    last: Mapping[str, Value]
    """Last value of every column of `/epochs`; empty where no epoch was recorded."""


@dataclass(frozen=True, kw_only=True)
class UnitHistory:
    """The units of one hidden layer, epoch by epoch."""

    epochs: Sequence[int]
    dead: Sequence[Sequence[bool | None]]
    """Epochs × units; None: the layer held NaN."""
    activity: Sequence[Sequence[float]]
    """Epochs × units: mean |h| over the training part."""
