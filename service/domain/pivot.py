"""A sweep's results as a table: rows and columns by axes, in each cell a summary over the rest."""

import json
import math
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from service.domain.base import DomainModel
from service.domain.statistics import Summary, summarise

Point = Sequence[tuple[str, Any]]


class Result(DomainModel):
    """One member: its point, whether it diverged, and its value (None: there is none yet)."""

    point: list[tuple[str, Any]]
    diverged: bool
    value: float | None


class Cell(Summary):
    """The members at one place of the table. Mean, deviation and interval are over the n members
    that were trained to their end and whose value is finite; the others are counted beside."""

    members: Annotated[int, Field(description="Members that belong here")]
    diverged: Annotated[int, Field(description="Members that diverged; never part of the mean")]
    missing: Annotated[
        int, Field(description="Members without a value: not ended, failed, cancelled, or null")
    ]
    not_finite: Annotated[int, Field(description="Members that ended with NaN or an infinity")]
    state: Annotated[
        Literal["complete", "partial", "diverged", "missing"],
        Field(
            description="complete: n is all members; partial: n is some; with n = 0, diverged "
            "where any member diverged or is not finite, else missing"
        ),
    ]


class Side(DomainModel):
    """The axes along one side of the table, and their values at each row or column."""

    axes: list[str]
    values: list[list[Any]]


class PivotTable(DomainModel):
    """`cells[i][j]` is where row i and column j meet."""

    quantity: str
    rows: Side
    columns: Side
    over: Annotated[list[str], Field(description="Axes that the cells summarise")]
    confidence: float
    cells: list[list[Cell]]


class SweepTable(PivotTable):
    """A sweep's results: axes along rows and columns, a summary over the others in each cell."""

    sweep_id: str


def pivot(
    results: Sequence[Result], *, quantity: str, rows: list[str], columns: list[str]
) -> tuple[Side, Side, list[list[Cell]]]:
    """Sides and cells, both in the order in which the values come up in the sweep."""
    row_keys = _keys(results, rows)
    column_keys = _keys(results, columns)
    places: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        place = (_key(result.point, rows), _key(result.point, columns))
        places.setdefault(place, []).append(result)
    cells = [[_cell(places.get((row, column), [])) for column in column_keys] for row in row_keys]
    return (
        Side(axes=rows, values=list(row_keys.values())),
        Side(axes=columns, values=list(column_keys.values())),
        cells,
    )


def _keys(results: Iterable[Result], axes: list[str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for result in results:
        found.setdefault(_key(result.point, axes), [dict(result.point)[axis] for axis in axes])
    return found


def _key(point: Point, axes: list[str]) -> str:
    # As text, because a value may be a list or an object.
    values = dict(point)
    return json.dumps([values[axis] for axis in axes], sort_keys=True)


def _cell(found: Sequence[Result]) -> Cell:
    diverged = sum(one.diverged for one in found)
    values = [one.value for one in found if not one.diverged and one.value is not None]
    finite = [value for value in values if math.isfinite(value)]
    not_finite = len(values) - len(finite)
    if finite:
        state: Any = "complete" if len(finite) == len(found) else "partial"
    else:
        state = "diverged" if diverged or not_finite else "missing"
    return Cell(
        members=len(found),
        diverged=diverged,
        missing=len(found) - diverged - len(values),
        not_finite=not_finite,
        state=state,
        **dict(summarise(finite)),
    )
