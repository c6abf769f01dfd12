"""How jobs differ: in what was asked for, and in what was measured."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple, cast

from pydantic import Field

from service.domain.base import DomainModel, JsonObject
from service.domain.job import Job
from service.domain.metrics import Number

TIMED = frozenset(
    {
        "epoch",
        "seconds",
        "activation_forward_s",
        "activation_backward_s",
        "relu_forward_s",
        "relu_backward_s",
    }
)
"""Columns in which equal trainings may differ, or that only say where a row belongs."""


class Difference(DomainModel):
    """One place at which the specs are not all equal."""

    pointer: Annotated[str, Field(description="JSON Pointer (RFC 6901) into the specs")]
    values: Annotated[
        list[Any], Field(description="One per job; null also where a spec has no such field")
    ]
    present: Annotated[list[bool], Field(description="Whether the job's spec has the field")]


_EXTREME = Field(
    description="As `values`, of all epochs of each point; null where every epoch is a point"
)


class Curves(DomainModel):
    """One quantity of all jobs, aligned by epoch."""

    quantity: str
    values: Annotated[
        list[list[Number | None]],
        Field(description="A list per job, an entry per epoch; null: not measured (yet)"),
    ]
    first_differing_epoch: Annotated[
        int | None,
        Field(
            description="First epoch that every job has measured and at which not all have the "
            "same value, to the bit; null: none"
        ),
    ]
    minimum: Annotated[list[list[Number | None]] | None, _EXTREME] = None
    maximum: Annotated[list[list[Number | None]] | None, _EXTREME] = None


class Comparison(DomainModel):
    """Jobs side by side."""

    jobs: list[Job]
    differences: Annotated[
        list[Difference], Field(description="Where the specs differ, defaults filled in")
    ]
    epochs: list[int]
    epochs_per_point: Annotated[
        int,
        Field(
            description="1: every epoch is there. More, with `max_points`: a point is the last of "
            "so many epochs, and `minimum` and `maximum` hold the extremes among them"
        ),
    ] = 1
    curves: list[Curves]
    first_differing_epoch: Annotated[
        int | None,
        Field(
            description="The smallest of the curves': from here on the stored series tell the jobs "
            "apart. Weights may differ from an earlier step on. Times do not count"
        ),
    ]
    first_differing_step: Annotated[
        int | None,
        Field(
            description="Of twins, jobs whose specs differ in conventions (and names) alone: the "
            "first optimizer step, from 1, at which a kink's convention changed a gradient, and so "
            "the first after which the weights differ. null where nothing differs, and of other "
            "jobs, whose weights differ from the start or by steps that nobody stored"
        ),
    ]
    first_differing_layers: Annotated[
        list[int],
        Field(
            description="The hidden layers, from 0, in which that kink was hit; empty where it was "
            "the loss's, or the step is null"
        ),
    ]


_ABSENT = object()


def spec_differences(specs: Sequence[JsonObject]) -> list[Difference]:
    """The leaves at which the documents are not all equal, in the order of the first that has
    them. Lists are compared as wholes where their lengths differ."""
    return list(_differences("", specs))


def _differences(pointer: str, values: Sequence[Any]) -> Iterator[Difference]:
    if all(isinstance(value, dict) for value in values):
        for name in dict.fromkeys(name for value in values for name in value):
            escaped = name.replace("~", "~0").replace("/", "~1")
            inner = [value.get(name, _ABSENT) for value in values]
            yield from _differences(f"{pointer}/{escaped}", inner)
    elif all(isinstance(value, list) for value in values) and len({*map(len, values)}) == 1:
        for i in range(len(values[0])):
            yield from _differences(f"{pointer}/{i}", [value[i] for value in values])
    elif any(not _same(value, values[0]) for value in values):
        yield Difference(
            pointer=pointer,
            values=[None if value is _ABSENT else value for value in values],
            present=[value is not _ABSENT for value in values],
        )


def _same(one: Any, other: Any) -> bool:
    # 1 == True in Python and not in JSON.
    return isinstance(one, bool) == isinstance(other, bool) and one == other


Columns = Mapping[str, Sequence[Any]]


def align(series: Sequence[Columns], names: Sequence[str]) -> tuple[list[int], list[Curves]]:
    """All epochs that any job has, and the named columns of every job over them."""
    epochs = sorted({epoch for columns in series for epoch in columns["epoch"]})
    return epochs, [_curves(name, [_over(epochs, one, name) for one in series]) for name in names]


def _over(epochs: Sequence[int], columns: Columns, name: str) -> "_Over":
    """A column of one job over these epochs."""
    its_own = columns["epoch"]
    if len(its_own) == len(epochs):  # of thousands of epochs a search for each is what takes long
        return _Over(epochs, columns[name], ())
    values = dict(zip(its_own, columns[name], strict=True))
    missing = [epoch for epoch in epochs if epoch not in values]
    return _Over(epochs, [values.get(epoch) for epoch in epochs], missing)


class _Over(NamedTuple):
    epochs: Sequence[int]
    values: Sequence[Any]
    missing: Sequence[int]
    """Epochs that the job does not have (yet)."""


def _curves(name: str, jobs: Sequence[_Over]) -> Curves:
    return Curves(
        quantity=name,
        values=[list(job.values) for job in jobs],
        first_differing_epoch=None if name in TIMED else _first_difference(jobs),
    )


def _first_difference(jobs: Sequence[_Over]) -> int | None:
    """The first epoch that all jobs have and at which not all values are the same to the bit."""
    one, *others = jobs
    if all(_equal(one.values, other.values) for other in others):
        return None
    missing = {epoch for job in jobs for epoch in job.missing}
    rows = zip(one.epochs, *(job.values for job in jobs), strict=True)
    return next(
        (
            epoch
            for epoch, *values in rows
            if epoch not in missing and len({_bits(value) for value in values}) > 1
        ),
        None,
    )


def _equal(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Whether two columns are surely the same to the bit: says so of most that are, and fast."""
    return one == other and 0 not in one  # whose sign is not compared


def _bits(value: float | None) -> Any:
    """What equal numbers share: every NaN is the same, and 0 is not -0."""
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else (value, math.copysign(1, value))
    return value


_CONVENTIONS = {"/name", "/activation/derivative_at_zero", "/loss/derivative_at_zero"}


def parting_step(differences: Sequence[Difference], series: Sequence[Columns]) -> int | None:
    """The first step at which a convention changed a gradient of twins. Up to it they are the same
    to the bit, so they meet it together. None of jobs that are no twins."""
    if {one.pointer for one in differences} - _CONVENTIONS:
        return None
    steps = [step for columns in series for step in columns["first_effective_step"]]
    return min((step for step in steps if step is not None), default=None)


def thinned(
    epochs: Sequence[int], curves: Sequence[Curves], max_points: int | None
) -> tuple[int, list[int], list[Curves]]:
    """Epochs per point, the epochs shown and the curves over them, in at most `max_points`."""
    size = max(1, -(-len(epochs) // max_points)) if max_points else 1
    if size == 1:
        return 1, list(epochs), list(curves)
    last = [min(end, len(epochs)) - 1 for end in range(size, len(epochs) + size, size)]
    return size, [epochs[at] for at in last], [_thin(one, last, size) for one in curves]


def _thin(curve: Curves, last: Sequence[int], size: int) -> Curves:
    def ends(end: Callable[[Iterable[float]], float]) -> list[list[float | None]]:
        return [_ends(end, values, size) for values in curve.values]

    return Curves(
        quantity=curve.quantity,
        values=[[values[at] for at in last] for values in curve.values],
        first_differing_epoch=curve.first_differing_epoch,
        minimum=ends(min),
        maximum=ends(max),
    )


def _ends(
    end: Callable[[Iterable[float]], float], values: Sequence[float | None], size: int
) -> list[float | None]:
    """Of each `size` values; NaN where one of them is NaN, None where none was measured."""
    firsts = range(0, len(values), size)
    if None not in values:  # as most are
        numbers = cast(Sequence[float], values)
        if not math.isnan(sum(numbers)):
            return [end(numbers[first : first + size]) for first in firsts]
    parts = (values[first : first + size] for first in firsts)
    return [_end(end, [value for value in part if value is not None]) for part in parts]


def _end(end: Callable[[Iterable[float]], float], measured: Sequence[float]) -> float | None:
    if not measured:
        return None
    return math.nan if any(map(math.isnan, measured)) else end(measured)


def compare(
    jobs: Sequence[Job],
    series: Sequence[Columns],
    layers_met_at: Callable[[int], Sequence[int]],
    *,
    names: Sequence[str],
    shown: Sequence[str],
    max_points: int | None = None,
) -> Comparison:
    """`series` hold the columns `names`; of these the `shown` come into the answer.
    `layers_met_at` tells which hidden layers first met their kink at an optimizer step."""
    epochs, curves = align(series, names)
    firsts = [one.first_differing_epoch for one in curves if one.first_differing_epoch is not None]
    differences = spec_differences([job.spec.model_dump(mode="json") for job in jobs])
    step = parting_step(differences, series) if firsts else None
    size, points, few = thinned(
        epochs, [one for one in curves if one.quantity in shown], max_points
    )
    return Comparison(
        jobs=list(jobs),
        differences=differences,
        epochs=points,
        epochs_per_point=size,
        curves=few,
        first_differing_epoch=min(firsts, default=None),
        first_differing_step=step,
        first_differing_layers=[] if step is None else sorted(layers_met_at(step)),
    )
