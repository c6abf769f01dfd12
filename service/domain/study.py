"""A study: a claim, the sweeps that test it, and the verdict. As its author posts it and as its
readers see it."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from service.domain.base import DomainModel, JsonObject, SpecModel
from service.domain.findings import Findings, Verdict
from service.domain.job import UtcTime
from service.domain.states import TERMINAL, JobStatus, Reason
from service.domain.sweep import SweepCounts


class Scale(StrEnum):
    """How much is trained."""

    QUICK = "quick"
    """Under a minute on two cores: shows the method, decides large effects."""
    STANDARD = "standard"
    """A few minutes: the results in docs/findings.md."""
    FULL = "full"
    """As in the source, where that is possible."""


class StudySpec(SpecModel):
    """Which claim to test, and how much to train for it."""

    template: Annotated[
        str,
        Field(min_length=1, max_length=100, description="`GET /v1/studies` lists the templates."),
    ]
    scale: Annotated[Scale, Field(strict=False)] = Scale.QUICK
    overrides: Annotated[
        JsonObject,
        Field(
            default_factory=dict,
            description="Options of the template that differ from those of the scale.",
        ),
    ]


class TemplateDescription(DomainModel):
    """A claim that can be tested, and how."""

    name: str
    claim: str
    source: Annotated[str, Field(description="Where the claim, or its contrary, is made")]
    statistic: Annotated[str, Field(description="What is computed, and what decides")]
    scales: Annotated[dict[Scale, JsonObject], Field(description="The options of each scale")]
    options: Annotated[JsonObject, Field(description="JSON Schema of `overrides`")]


class Study(DomainModel):
    """A study and where it stands. Its jobs are `GET /v1/jobs?study_id=…`."""

    id: str
    template: str
    claim: str
    scale: Scale
    overrides: JsonObject
    options: Annotated[JsonObject, Field(description="All options, those of the scale included")]
    status: JobStatus
    reason: Annotated[Reason | None, Field(description="Why it failed or was cancelled")]
    detail: Annotated[str | None, Field(description="The same for people")]
    verdict: Annotated[Verdict | None, Field(description="Once it has succeeded")]
    seeds_needed: Annotated[
        int | None, Field(description="If inconclusive: more seeds that would probably decide")
    ]
    rounds: Annotated[int, Field(description="Rounds of sweeps posted so far")]
    sweeps: Annotated[dict[str, str], Field(description="Ids of its sweeps by their name")]
    counts: Annotated[SweepCounts, Field(description="Its jobs by status")]
    progress: Annotated[float, Field(ge=0, le=1, description="Of the rounds posted so far")]
    created_at: UtcTime
    finished_at: UtcTime | None
    cancel_requested_at: UtcTime | None

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL


class StudyReport(DomainModel):
    """A study that has succeeded, and what it found."""

    study: Study
    source: Annotated[str, Field(description="Where the claim, or its contrary, is made")]
    statistic: Annotated[str, Field(description="What was computed, and what decides")]
    findings: Findings

    @property
    def title(self) -> str:
        return f"{self.study.template}: {self.findings.verdict.value}"
