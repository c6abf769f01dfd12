"""A table's cells hold exactly the members that belong there."""

import statistics
from typing import Any

from service.domain.pivot import Result, pivot

NAN = float("nan")


def _result(value: float | None, *, diverged: bool = False, **point: Any) -> Result:
    return Result(point=list(point.items()), diverged=diverged, value=value)


def _grid() -> list[Result]:
    return [
        _result(a * 100 + b * 10 + seed, a=a, b=b, seed=seed)
        for a in (1, 2)
        for b in (3, 4, 5)
        for seed in (0, 1, 2)
    ]


def test_cells_summarise_over_what_no_side_names() -> None:
    rows, columns, cells = pivot(_grid(), quantity="q", rows=["a"], columns=["b"])
    assert (rows.values, columns.values) == ([[1], [2]], [[3], [4], [5]])
    for i, a in enumerate((1, 2)):
        for j, b in enumerate((3, 4, 5)):
            values = [a * 100 + b * 10 + seed for seed in (0, 1, 2)]
            assert cells[i][j].mean == statistics.mean(values)
            assert cells[i][j].standard_deviation == statistics.stdev(values)
            assert (cells[i][j].n, cells[i][j].members) == (3, 3)
            assert cells[i][j].state == "complete"


def test_several_axes_share_a_side() -> None:
    rows, columns, cells = pivot(_grid(), quantity="q", rows=["b", "a"], columns=[])
    assert rows.values == [[3, 1], [4, 1], [5, 1], [3, 2], [4, 2], [5, 2]]
    assert columns.values == [[]]
    assert [row[0].n for row in cells] == [3] * 6


def test_diverged_missing_and_not_finite_members_are_counted_and_not_averaged() -> None:
    found = [
        _result(1.0, a=0),
        _result(3.0, a=0),
        _result(NAN, a=0, diverged=True),
        _result(7.0, a=0, diverged=True),
        _result(None, a=0),
        _result(NAN, a=0),
    ]
    _, _, [[cell]] = pivot(found, quantity="q", rows=["a"], columns=[])
    assert (cell.mean, cell.n, cell.members) == (2.0, 2, 6)
    assert (cell.diverged, cell.missing, cell.not_finite) == (2, 1, 1)
    assert cell.state == "partial"


def test_a_cell_without_a_value_says_why() -> None:
    found = [
        _result(NAN, a=0, diverged=True),
        _result(None, a=0),
        _result(None, a=1),
        _result(NAN, a=2),
    ]
    _, _, cells = pivot(found, quantity="q", rows=["a"], columns=[])
    assert [row[0].state for row in cells] == ["diverged", "missing", "diverged"]
    assert all(row[0].mean is None for row in cells)


def test_zipped_points_leave_empty_places() -> None:
    found = [_result(1.0, a=1, b=[1]), _result(2.0, a=2, b={"x": 1})]
    rows, columns, cells = pivot(found, quantity="q", rows=["a"], columns=["b"])
    assert (rows.values, columns.values) == ([[1], [2]], [[[1]], [{"x": 1}]])
    assert [[cell.members for cell in row] for row in cells] == [[1, 0], [0, 1]]
    assert cells[0][1].state == "missing"
