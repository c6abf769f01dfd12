"""A sweep: a base spec, axes, and how the axes combine into jobs.

Axis paths are dotted: `optimizer.learning_rate`, `network.hidden.0` (a number steps into a list).
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Discriminator, Field, JsonValue, Tag, field_validator

from service.domain.base import DomainModel, JsonObject, Name, SpecModel
from service.domain.job import UtcTime
from service.domain.states import TERMINAL, JobStatus

AxisPath = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^.]+(\.[^.]+)*$")]


class Range(SpecModel):
    """0, 1, … n - 1."""

    range: Annotated[int, Field(ge=1, lt=2**63, description="Number of values.")]

    def __len__(self) -> int:
        return self.range

    def values(self) -> Sequence[Any]:
        return range(self.range)


class _Space(SpecModel):
    @staticmethod
    def check(ends_and_count: list[float]) -> list[float]:
        *_, count = ends_and_count
        if count < 1 or count != int(count):
            raise ValueError("the third number says how many values: an integer from 1 on")
        return ends_and_count


_Three = Annotated[
    list[float],
    Field(
        min_length=3, max_length=3, description="[first, last, how many]", examples=[[0.1, 1, 3]]
    ),
]


class Linspace(_Space):
    """Equal differences, both ends included; inner values rounded to 15 significant digits."""

    linspace: _Three
    _count = field_validator("linspace")(_Space.check)

    def __len__(self) -> int:
        return int(self.linspace[2])

    def values(self) -> Sequence[Any]:
        first, last, _ = self.linspace
        return _between(first, last, len(self), lambda share: first + (last - first) * share)


class Logspace(_Space):
    """Equal ratios, both ends included (the values themselves, not their exponents); inner values
    rounded to 15 significant digits."""

    logspace: _Three
    _count = field_validator("logspace")(_Space.check)

    @field_validator("logspace")
    @classmethod
    def _positive(cls, ends_and_count: list[float]) -> list[float]:
        if min(ends_and_count[:2]) <= 0:
            raise ValueError("both ends must be above 0")
        return ends_and_count

    def __len__(self) -> int:
        return int(self.logspace[2])

    def values(self) -> Sequence[Any]:
        first, last, _ = self.logspace
        # Two powers and not one of a ratio, which may overflow.
        return _between(first, last, len(self), lambda share: first ** (1 - share) * last**share)


def _between(first: float, last: float, count: int, at: Any) -> list[float]:
    inner = [float(f"{at(i / (count - 1)):.15g}") for i in range(1, count - 1)]
    return [first, *inner, last] if count > 1 else [first]


def _kind(axis: Any) -> str | None:
    if isinstance(axis, list):
        return "values"
    kinds = ("range", "linspace", "logspace")
    found = axis.keys() if isinstance(axis, dict) else {_name(axis)}
    return next((kind for kind in kinds if kind in found), None)


def _name(axis: Any) -> str:
    return type(axis).__name__.lower()


Axis = Annotated[
    Annotated[list[JsonValue], Field(min_length=1), Tag("values")]
    | Annotated[Range, Tag("range")]
    | Annotated[Linspace, Tag("linspace")]
    | Annotated[Logspace, Tag("logspace")],
    Discriminator(_kind),
]


def axis_values(axis: Axis) -> Sequence[Any]:
    return axis if isinstance(axis, list) else axis.values()


class SweepMode(StrEnum):
    GRID = "grid"
    """Every combination; the last axis turns fastest."""
    ZIP = "zip"
    """The first values of all axes together, then the second …; all axes are equally long."""


Point = tuple[tuple[str, Any], ...]
"""A member's value on each axis, in the order of the axes."""


def points(axes: Mapping[str, Axis], mode: SweepMode) -> Iterator[Point]:
    """The members' points, in the order of their index."""
    values = [axis_values(axis) for axis in axes.values()]
    combined = itertools.product(*values) if mode is SweepMode.GRID else zip(*values, strict=True)
    for point in combined:
        yield tuple(zip(axes, point, strict=True))


class SweepSpec(SpecModel):
    """A base spec and the axes along which its members differ from it."""

    name: Name | None = None
    base: Annotated[
        JsonObject,
        Field(description="A job spec; what an axis sets may be left out.", json_schema_extra={}),
    ]
    axes: Annotated[
        dict[AxisPath, Axis],
        Field(
            min_length=1,
            description="Values by the dotted path of the field that they go to. "
            "A path above another one's is set first.",
        ),
    ]
    mode: Annotated[SweepMode, Field(strict=False)] = SweepMode.GRID

    @property
    def member_count(self) -> int:
        """Jobs that the sweep expands to; zipped axes must be equally long for it to be true."""
        lengths = [len(axis) for axis in self.axes.values()]
        if self.mode is SweepMode.ZIP:
            return max(lengths)
        total = 1
        for length in lengths:
            total *= length
        return total


class SweepCounts(DomainModel):
    """Members by status."""

    queued: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0

    @property
    def total(self) -> int:
        return self.queued + self.running + self.succeeded + self.failed + self.cancelled


def sweep_status(counts: SweepCounts) -> JobStatus:
    """A sweep's status follows from its members': it is queued until the first of them has been
    claimed or ended, running while any of them may still change, and then `failed` if any failed,
    else `cancelled` if any was cancelled, else `succeeded`."""
    unfinished = counts.queued + counts.running
    if unfinished:
        return JobStatus.QUEUED if counts.queued == counts.total else JobStatus.RUNNING
    if counts.failed:
        return JobStatus.FAILED
    return JobStatus.CANCELLED if counts.cancelled else JobStatus.SUCCEEDED


class Sweep(DomainModel):
    """A sweep and where its members stand. They are `GET /v1/jobs?sweep_id=…`."""

    id: str
    name: str | None
    base: JsonObject
    axes: dict[str, Axis]
    mode: SweepMode
    members: Annotated[int, Field(description="Jobs that it was expanded to")]
    status: Annotated[JobStatus, Field(description=" ".join((sweep_status.__doc__ or "").split()))]
    counts: SweepCounts
    diverged: Annotated[int, Field(description="Of the succeeded: those that diverged")]
    progress: Annotated[float, Field(ge=0, le=1, description="Mean of the members' progress")]
    study_id: str | None
    created_at: UtcTime
    finished_at: Annotated[UtcTime | None, Field(description="When the last member ended")]

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL


class SweepProgress(DomainModel):
    """Where the members of a sweep stand."""

    status: JobStatus
    counts: SweepCounts
    diverged: int
    progress: Annotated[float, Field(ge=0, le=1)]


_LONGEST_VALUE = 60


def describe_point(point: Iterable[tuple[str, Any]]) -> str:
    """A member by its values, for people: `seed = 3, optimizer.learning_rate = 0.1`."""
    texts = ((path, repr(value)) for path, value in point)
    return ", ".join(
        f"{path} = {text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + '…'}"
        for path, text in texts
    )
