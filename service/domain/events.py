"""What training tells while it runs. The command line prints these, the recorder stores them.

In JSON each is one line with a `kind`; NaN and Inf are strings (see `base`).
"""

import base64
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from service.domain.base import DomainModel, JsonObject
from service.domain.metrics import EpochMetrics, LayerMetrics
from service.domain.states import Outcome, Reason


class UnitActivity(DomainModel):
    """Per unit of one hidden layer after an epoch, over the whole training part."""

    layer: int
    activity: str
    """Base64 of little-endian float32: mean |h| of each unit."""
    dead: str
    """Base64 of one byte a unit: 1 dead, 0 alive, 255 unknown (the layer holds NaN)."""

    @classmethod
    def of_bytes(cls, layer: int, activity: bytes, dead: bytes) -> "UnitActivity":
        """From what the two stand for."""
        return cls(
            layer=layer,
            activity=base64.b64encode(activity).decode(),
            dead=base64.b64encode(dead).decode(),
        )


class StartedEvent(DomainModel):
    """The cohort is set up: data loaded, tensors placed."""

    kind: Literal["started"] = "started"
    members: list[str]
    environment: JsonObject
    """Versions, device, threads, kernel: what the numbers depend on besides the spec."""
    resumed: dict[str, int] = Field(default_factory=dict)
    """Members that go on from a checkpoint: the epoch after which it was saved."""


class EpochEvent(DomainModel):
    """One member finished an epoch."""

    kind: Literal["epoch"] = "epoch"
    member: str
    step: int
    """Optimizer steps taken so far."""
    metrics: EpochMetrics
    layers: list[LayerMetrics]
    units: list[UnitActivity] = Field(default_factory=list)


class EndEvent(DomainModel):
    """One member is trained to its end."""

    kind: Literal["end"] = "end"
    member: str
    outcome: Outcome
    diverged_at_step: int | None = None
    """The first step, from 1, whose loss, gradient or updated weights were not finite;
    0 where the initialisation was not."""


class FailedEvent(DomainModel):
    """One member, or with `member` None the whole cohort, cannot go on."""

    kind: Literal["failed"] = "failed"
    member: str | None
    reason: Reason
    detail: str


class StoppedEvent(DomainModel):
    """One member was dropped at the caller's wish, or with None all the rest were."""

    kind: Literal["stopped"] = "stopped"
    member: str | None


TrainingEvent = Annotated[
    StartedEvent | EpochEvent | EndEvent | FailedEvent | StoppedEvent, Field(discriminator="kind")
]

TRAINING_EVENT: TypeAdapter[TrainingEvent] = TypeAdapter(TrainingEvent)
