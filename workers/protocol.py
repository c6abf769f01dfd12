"""What a supervisor and its training process say to each other: one JSON object a line.

Down the process's stdin go `Command`s; up its stdout come training events and `Notice`s.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from service.domain.base import DomainModel
from service.domain.events import (
    EndEvent,
    EpochEvent,
    FailedEvent,
    StartedEvent,
    StoppedEvent,
)
from service.domain.spec import JobSpec


class Payload(DomainModel):
    """A message that carries bytes: base64 in JSON."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")


class Assignment(Payload):
    """One member of the cohort to train."""

    id: str
    attempt: int
    spec: JobSpec
    checkpoint: bytes | None = None
    """What an earlier attempt saved of it."""
    traceparent: str | None = None
    """Of the span of its claim; None where nothing is traced."""


class Train(Payload):
    kind: Literal["train"] = "train"
    cohort: str
    """Names the cohort in logs and traces; nothing is stored under it."""
    members: list[Assignment]


class Drain(DomainModel):
    """Finish the epoch at hand, tell checkpoints of all members, and stop."""

    kind: Literal["drain"] = "drain"


class Stop(DomainModel):
    """Drop one member, or with None all of them."""

    kind: Literal["stop"] = "stop"
    member: str | None


Command = Annotated[Train | Drain | Stop, Field(discriminator="kind")]
COMMAND: TypeAdapter[Command] = TypeAdapter(Command)


class Ready(DomainModel):
    """The process has loaded what it needs and waits for a cohort."""

    kind: Literal["ready"] = "ready"


class Idle(DomainModel):
    """The cohort is done; the process waits for the next one."""

    kind: Literal["idle"] = "idle"


class Saved(Payload):
    """A member's checkpoint after an epoch that was told before."""

    kind: Literal["saved"] = "saved"
    member: str
    epoch: int
    payload: bytes


class Weights(Payload):
    """The weights that a member ends with, as safetensors; its end is told next."""

    kind: Literal["weights"] = "weights"
    member: str
    payload: bytes


Notice = Annotated[
    StartedEvent
    | EpochEvent
    | EndEvent
    | FailedEvent
    | StoppedEvent
    | Saved
    | Weights
    | Ready
    | Idle,
    Field(discriminator="kind"),
]
NOTICE: TypeAdapter[Notice] = TypeAdapter(Notice)
