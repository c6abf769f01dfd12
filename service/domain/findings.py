"""What a study found: statements with their intervals and verdicts, tables, figures, and the jobs
behind every number. Plain values: reports are rendered from them and nothing else."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from service.domain.base import DomainModel
from service.domain.metrics import Number
from service.domain.statistics import Interval


class Verdict(StrEnum):
    """What the jobs say about a statement."""

    SUPPORTED = "supported"
    """The whole interval lies where the statement says."""
    REFUTED = "refuted"
    """The whole interval lies elsewhere."""
    INCONCLUSIVE = "inconclusive"
    """The interval reaches over the border, or too few seeds have a value."""


class Kind(StrEnum):
    """What of the seeds' values an estimate is, and by which formula its interval is found."""

    MEAN = "mean"
    """Mean over seeds; interval by Student's t."""
    GEOMETRIC_MEAN = "geometric mean"
    """exp of the mean of logarithms; interval by Student's t on the logarithms."""
    SHARE = "share"
    """Share of the seeds whose value is not 0; Clopper and Pearson's exact interval."""
    TOTAL = "total"
    """Sum over the seeds: a count, which is exact and has no interval."""
    RATE = "rate"
    """Events per trial, or a function of that; the exact interval of a Poisson count (Garwood)."""
    THEORY = "theory"
    """From a formula. No job is behind it."""


class Estimate(DomainModel):
    """A number over n seeds, and the jobs that it comes from."""

    kind: Kind
    value: Annotated[Number | None, Field(description="null: no seed has a value")]
    interval: Annotated[Interval | None, Field(description="null below two seeds, and of counts")]
    confidence: Annotated[float | None, Field(description="Of the interval")]
    n: Annotated[int, Field(description="Seeds (or pairs of runs with the same seed)")]
    excluded: Annotated[
        dict[str, int],
        Field(description="Seeds without a value, by reason: diverged, failed, not measured, …"),
    ]
    jobs: Annotated[str | None, Field(description="Which of `evidence` it comes from")]


class Statement(DomainModel):
    """A sentence that may be true or false, with what decides it."""

    text: str
    quantity: Annotated[str, Field(description="What the estimate is an estimate of")]
    estimate: Annotated[
        Estimate, Field(description="Its interval is at the level that the correction leaves")
    ]
    above: Annotated[Number | None, Field(description="The statement: the quantity lies above")]
    below: Annotated[Number | None, Field(description="… and below this")]
    p: Annotated[
        float | None,
        Field(description="Adjusted by Holm over all statements; below 0.05 is decided"),
    ]
    verdict: Verdict
    seeds_needed: Annotated[
        int | None,
        Field(
            description="More seeds that would probably (80%) decide it; null: decided, or the "
            "estimate lies at the border, where no number of seeds would"
        ),
    ]
    decisive: Annotated[bool, Field(description="Whether the study's verdict depends on it")]


class Table(DomainModel):
    """Cells are labels or estimates."""

    title: str
    columns: list[str]
    rows: list[list[str | Estimate]]
    note: str = ""


class FigureAxis(DomainModel):
    label: str
    scale: Literal["linear", "log"] = "linear"


class Point(DomainModel):
    x: Number
    y: Estimate


class Series(DomainModel):
    label: str
    points: list[Point]


class Figure(DomainModel):
    """Lines through points with their intervals: drawn by whoever renders a report."""

    title: str
    x: FigureAxis
    y: FigureAxis
    series: list[Series]
    note: str = ""


class JobGroup(DomainModel):
    """The jobs behind a number."""

    sweeps: Annotated[list[str], Field(description="Sweeps that they belong to")]
    jobs: list[str]


class Findings(DomainModel):
    """The result of a study. The same jobs give the same findings, byte for byte."""

    verdict: Verdict
    seeds_needed: int | None
    statements: list[Statement]
    tables: list[Table]
    figures: list[Figure]
    remarks: Annotated[list[str], Field(description="What the numbers do not say by themselves")]
    evidence: Annotated[dict[str, JobGroup], Field(description="What estimates name in `jobs`")]
    jobs: Annotated[int, Field(description="Jobs of the study")]
    sweeps: Annotated[dict[str, str], Field(description="Ids of the study's sweeps by their name")]
