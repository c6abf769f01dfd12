"""A table into the one form in which data sets are kept, and what its columns are like."""

import math
import sys
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.errors import UploadRefused
from service.domain.losses import Task
from service.domain.uploads import MOST_CLASSES, ClassCount, Column, Header, dataset_id
from service.uploads.table import Table, check_name, is_number, quote


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the file is to be read as."""

    task: Task
    target: str
    """The column or array to predict."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A data set that may be stored."""

    id: str
    task: Task
    header: Header
    content: bytes
    columns: list[Column]
    class_counts: list[ClassCount] | None


def prepare(table: Table, wanted: Wanted) -> Prepared:
    """Checks the values and packs them. Raises UploadRefused."""
    if len(table.target) < 2:
        raise UploadRefused(f"The file has {len(table.target)} rows of values; 2 are needed.")
    counts = None
    target = table.target
    if wanted.task == "classification":
        target, counts = _number(target, wanted.target)
    elif not isinstance(target, array):
        raise UploadRefused(f"{quote(wanted.target)} holds text.", "/query/task")
    names = [*table.features, wanted.target]
    columns = [*table.columns, target]
    described = [_describe(name, column) for name, column in zip(names, columns, strict=True)]
    header = Header(
        examples=len(target),
        features=list(table.features),
        target=wanted.target,
        labels=None if counts is None else [one.name for one in counts],
    )
    content = header.pack(_interleave(columns))
    return Prepared(
        id=dataset_id(content),
        task=wanted.task,
        header=header,
        content=content,
        columns=described,
        class_counts=counts,
    )


def _number(
    target: "array[float] | Sequence[str]", column: str
) -> tuple["array[float]", list[ClassCount]]:
    """Classes 0, 1, … in the order of their names: as numbers where all of them are, else as
    text."""
    counted: Counter[float | str] = Counter(target)
    if not 2 <= len(counted) <= MOST_CLASSES:
        raise UploadRefused(
            f"The target {quote(column)} has {len(counted):,} different values; 2 to "
            f"{MOST_CLASSES:,} classes are possible. For a number, ask for regression.",
            "/query/task",
        )
    names = {value: value if isinstance(value, str) else _spell(float(value)) for value in counted}
    for name in names.values():
        check_name(name, "a class")
        if name.lower() == "nan":
            raise UploadRefused(f"The target {quote(column)} has missing values.")
    numeric = all(is_number(name) for name in names.values())
    key = {value: float(name) if numeric else name for value, name in names.items()}
    # "1" and "1.0" are one class.
    order = sorted(set(key.values()))
    place = {one: at for at, one in enumerate(order)}
    if len(order) < 2:
        raise UploadRefused(f"The target {quote(column)} has one class; 2 are needed.")
    totals = Counter(dict.fromkeys(order, 0))
    for value, count in counted.items():
        totals[key[value]] += count
    shown = [_spell(one) if isinstance(one, float) else one for one in order]
    counts = [
        ClassCount(name=name, examples=totals[one]) for name, one in zip(shown, order, strict=True)
    ]
    numbers = {value: float(place[key[value]]) for value in counted}
    return array("d", [numbers[value] for value in target]), counts


def _spell(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _describe(name: str, column: "array[float]") -> Column:
    bad = next((at for at, value in enumerate(column) if not math.isfinite(value)), None)
    if bad is not None:
        raise UploadRefused(
            f"Column {quote(name)}, row {bad + 1:,}: {column[bad]} is no finite number, or the "
            "value is missing."
        )
    low, high = min(column), max(column)
    # Divided by the largest, so that no square overflows.
    scale = max(abs(low), abs(high)) or 1.0
    mean = math.fsum(value / scale for value in column) / len(column)
    variance = math.fsum((value / scale - mean) ** 2 for value in column) / len(column)
    return Column(
        name=name,
        minimum=low,
        maximum=high,
        mean=mean * scale,
        standard_deviation=math.sqrt(variance) * scale,
        distinct=len(set(column)),
    )


def _interleave(columns: Sequence["array[float]"]) -> bytes:
    """The matrix row by row, as little-endian float64."""
    width = len(columns)
    matrix = array("d", bytes(8 * width * len(columns[0])))
    for at, column in enumerate(columns):
        matrix[at::width] = column
    if sys.byteorder == "big":
        matrix.byteswap()
    return matrix.tobytes()
