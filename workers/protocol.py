"""What a supervisor and its training process say to each other: one JSON object a line.

Down the process's stdin go `Command`s; up its stdout come training events and `Notice`s.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from service.domain.base import DomainModel
from service.domain.events import (
    EndEvent,
    EpochEvent,
    FailedEvent,
    StartedEvent,
    StoppedEvent,
)
from service.domain.spec import JobSpec


class Assignment(DomainModel):
    """One member of the cohort to train."""

    id: str
    spec: JobSpec


class Train(DomainModel):
    kind: Literal["train"] = "train"
    members: list[Assignment]


class Stop(DomainModel):
    """Drop one member, or with None all of them."""

    kind: Literal["stop"] = "stop"
    member: str | None


Command = Annotated[Train | Stop, Field(discriminator="kind")]
COMMAND: TypeAdapter[Command] = TypeAdapter(Command)


class Ready(DomainModel):
    """The process has loaded what it needs and waits for a cohort."""

    kind: Literal["ready"] = "ready"


class Idle(DomainModel):
    """The cohort is done; the process waits for the next one."""

    kind: Literal["idle"] = "idle"


Notice = Annotated[
    StartedEvent | EpochEvent | EndEvent | FailedEvent | StoppedEvent | Ready | Idle,
    Field(discriminator="kind"),
]
NOTICE: TypeAdapter[Notice] = TypeAdapter(Notice)
