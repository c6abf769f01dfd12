"""How jobs differ: in what was asked for, and in what was measured."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

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


class Comparison(DomainModel):
    """Jobs side by side."""

    jobs: list[Job]
    differences: Annotated[
        list[Difference], Field(description="Where the specs differ, defaults filled in")
    ]
    epochs: list[int]
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
    rows = [{epoch: at for at, epoch in enumerate(columns["epoch"])} for columns in series]
    everywhere = [epoch for epoch in epochs if all(epoch in row for row in rows)]
    return epochs, [_curves(name, series, rows, epochs, everywhere) for name in names]


def _curves(
    name: str,
    series: Sequence[Columns],
    rows: Sequence[Mapping[int, int]],
    epochs: Sequence[int],
    everywhere: Sequence[int],
) -> Curves:
    together = list(zip(series, rows, strict=True))
    values = [
        [columns[name][row[epoch]] if epoch in row else None for epoch in epochs]
        for columns, row in together
    ]
    first = None
    if name not in TIMED:
        first = next(
            (
                epoch
                for epoch in everywhere
                if len({_bits(columns[name][row[epoch]]) for columns, row in together}) > 1
            ),
            None,
        )
    return Curves(quantity=name, values=values, first_differing_epoch=first)


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


def compare(
    jobs: Sequence[Job],
    series: Sequence[Columns],
    layers: Sequence[Columns],
    *,
    names: Sequence[str],
    shown: Sequence[str],
) -> Comparison:
    """`series` hold the columns `names`; of these the `shown` come into the answer. `layers` hold
    `layer` and `first_effective_step`."""
    epochs, curves = align(series, names)
    firsts = [one.first_differing_epoch for one in curves if one.first_differing_epoch is not None]
    differences = spec_differences([job.spec.model_dump(mode="json") for job in jobs])
    step = parting_step(differences, series) if firsts else None
    met = {
        layer
        for columns in layers
        for layer, first in zip(columns["layer"], columns["first_effective_step"], strict=True)
        if step is not None and first == step
    }
    return Comparison(
        jobs=list(jobs),
        differences=differences,
        epochs=epochs,
        curves=[one for one in curves if one.quantity in shown],
        first_differing_epoch=min(firsts, default=None),
        first_differing_step=step,
        first_differing_layers=sorted(met),
    )
