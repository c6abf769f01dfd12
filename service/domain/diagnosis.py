"""What went wrong with a job, what would be done about it, and what that was found to do."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from service.domain.base import DomainModel
from service.domain.findings import Verdict as StudyVerdict
from service.domain.metrics import Number
from service.domain.states import JobStatus, Outcome
from service.domain.statistics import Interval


class Severity(StrEnum):
    """The most urgent first."""

    CRITICAL = "critical"
    """The training did not do what it is for, or this alone explains why it could not."""
    WARNING = "warning"
    """Something is wrong, and the training may have come through all the same."""
    INFO = "info"
    """Worth knowing; nothing to cure."""


class Code(StrEnum):
    """What can be found. docs/diagnosis.md has each with its thresholds."""

    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    NOT_TRAINED = "not_trained"
    DIVERGED = "diverged"
    DEAD_LAYER = "dead_layer"
    BORN_DEAD = "born_dead"
    DEAD_UNITS = "dead_units"
    DORMANT_UNITS = "dormant_units"
    SATURATED_UNITS = "saturated_units"
    VANISHING_GRADIENT = "vanishing_gradient"
    EXPLODING_GRADIENT = "exploding_gradient"
    LARGE_STEPS = "large_steps"
    CONVENTION_MATTERED = "convention_mattered"
    NO_LEARNING = "no_learning"
    STILL_IMPROVING = "still_improving"
    UNDERFIT = "underfit"
    OVERFIT = "overfit"
    ABOVE_OPTIMUM = "above_optimum"
    HEALTHY = "healthy"


class Evidence(DomainModel):
    """One number that a finding rests on."""

    quantity: Annotated[str, Field(description="A column of `/epochs` or `/layers`, or its name")]
    value: Number | None
    epoch: int | None = None
    layer: Annotated[int | None, Field(description="Hidden layer, from 0")] = None
    threshold: Annotated[
        Number | None, Field(description="What it was held against; null: nothing")
    ] = None
    note: Annotated[str, Field(description="What the number is")]


class StudyStatement(DomainModel):
    """What a study states, and what became of it."""

    text: str
    verdict: StudyVerdict


class Support(DomainModel):
    """Why a treatment may be expected to help."""

    study: Annotated[
        str | None, Field(description="Template of the study that tests it; null: none does")
    ]
    source: Annotated[str, Field(description="Who proposed or found it")]
    statements: Annotated[
        list[StudyStatement],
        Field(
            default_factory=list,
            description="What that study states of it, and what the statement came to at standard "
            "scale (docs/findings.md): there, and not in this training",
        ),
    ]


class Treatment(DomainModel):
    """A change of the spec."""

    name: str
    changes: Annotated[
        dict[str, Any],
        Field(description="New values by the dotted path of the field, as an axis of a sweep has"),
    ]
    reason: Annotated[str, Field(description="Why it should help")]
    support: Support


class Finding(DomainModel):
    """One thing that is so, with its numbers."""

    code: Code
    severity: Severity
    summary: Annotated[str, Field(description="What was found, in a sentence")]
    evidence: list[Evidence]
    series: Annotated[
        str | None, Field(description="Where the series behind the numbers is; null: none is")
    ]
    treatments: list[Treatment]


Verdict = Literal["pending", "helped", "harmed", "mixed", "no_clear_difference", "undetermined"]


class Effect(DomainModel):
    """One quantity with the treatment against the same seeds without it."""

    quantity: str
    better: Literal["lower", "higher"]
    margin: Annotated[
        Number, Field(description="A difference up to it counts as none: too small to matter")
    ]
    untreated: Annotated[
        Number | None, Field(description="Mean of the runs that did not diverge; read how many did")
    ]
    treated: Number | None
    difference: Annotated[
        Number | None,
        Field(description="Mean of treated minus untreated, over pairs that have both"),
    ]
    interval: Annotated[
        Interval | None,
        Field(description="Of the difference (method `paired_t`) at the trial's confidence"),
    ]
    method: Annotated[
        Literal["paired_t", "signs"] | None,
        Field(
            description="`signs` where a run of a pair diverged, which is worse than any value, or "
            "where all differences are equal: then the share of pairs decides"
        ),
    ]
    better_pairs: int
    worse_pairs: int
    tied_pairs: int
    share: Annotated[
        Interval | None,
        Field(description="Of pairs that differ, the share that is better, at that confidence"),
    ]
    verdict: Verdict


class Arm(DomainModel):
    """One treatment in a trial."""

    treatment: Treatment
    against: Annotated[list[Code], Field(description="The findings that it is meant to cure")]
    jobs: Annotated[list[str], Field(description="In the order of the seeds")]
    diverged: int
    missing: Annotated[int, Field(description="Runs that failed, were cancelled or deleted")]
    effects: list[Effect]
    verdict: Annotated[
        Verdict, Field(description="helped: at least one effect is, and none is harmed")
    ]


class Trial(DomainModel):
    """The treatments run beside the patient, seed by seed."""

    sweep_id: str
    status: JobStatus
    progress: Annotated[float, Field(ge=0, le=1)]
    seeds: Annotated[list[int], Field(description="The patient's own, then others")]
    confidence: Annotated[
        float, Field(description="Of every interval: 95% for all effects of the trial together")
    ]
    untreated_jobs: list[str]
    untreated_diverged: int
    arms: list[Arm]


class Diagnosis(DomainModel):
    """Of one job that has ended."""

    job_id: str
    status: JobStatus
    outcome: Outcome | None
    last_epoch: Annotated[int | None, Field(description="null: no epoch was measured")]
    findings: Annotated[list[Finding], Field(description="The most severe first")]
    trial: Annotated[
        Trial | None,
        Field(description="null: none was asked for, or there is nothing to treat"),
    ]
