"""A job as its readers see it."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field, PlainSerializer

from service.domain.base import DomainModel, JsonObject
from service.domain.metrics import EpochMetrics
from service.domain.spec import JobSpec
from service.domain.states import TERMINAL, JobStatus, Outcome, Reason


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: 2026-11-23T14:02:39.125Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


UtcTime = Annotated[
    datetime,
    PlainSerializer(format_time, when_used="json"),
    Field(description="RFC 3339, UTC", examples=["2026-11-23T14:02:39.125Z"]),
]


class SpecWarning(DomainModel):
    """Something about the spec that its author may not have meant. The job runs all the same."""

    code: str
    pointer: Annotated[str, Field(description="JSON Pointer (RFC 6901) into the spec")]
    detail: str


class Job(DomainModel):
    """One training run: its spec, where it stands, and what it measured last."""

    id: str
    name: str | None
    spec: JobSpec
    status: JobStatus
    outcome: Outcome | None
    reason: Annotated[Reason | None, Field(description="Why it failed or was cancelled")]
    detail: Annotated[str | None, Field(description="The same for people")]
    attempt: Annotated[int, Field(description="Tries so far; 0 before the first")]
    priority: Annotated[int, Field(description="Higher goes first among queued jobs")] = 0
    progress: Annotated[float, Field(ge=0, le=1)]
    warnings: list[SpecWarning]
    created_at: UtcTime
    started_at: UtcTime | None
    finished_at: UtcTime | None
    cancel_requested_at: UtcTime | None
    sweep_id: str | None
    study_id: str | None
    summary: Annotated[
        EpochMetrics | None, Field(description="Last value of each column of `/epochs`")
    ]
    diverged_at_step: Annotated[
        int | None, Field(description="First step, from 1, at which a number was not finite")
    ]
    environment: Annotated[
        JsonObject | None, Field(description="Versions, device, threads: known once it started")
    ]

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL


class StatusChange(DomainModel):
    """One move of a job from state to state; `seq` counts them from 1 within the job."""

    seq: int
    status: JobStatus
    attempt: int
    reason: Reason | None
    at: UtcTime
