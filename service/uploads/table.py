"""A table of numbers with one target column, as every kind of file gives it."""

import math
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from service.domain.errors import UploadRefused
from service.domain.limits import Limits
from service.domain.uploads import LONGEST_NAME

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_FORMULA = re.compile(r"[=+\-@\t\r]")


@dataclass(frozen=True, kw_only=True)
class Table:
    """Columns of equal length, the features in the order of the file."""

    features: Sequence[str]
    columns: Sequence["array[float]"]
    target: "array[float] | Sequence[str]"
    """Numbers, or the names of classes."""


def check_names(names: Sequence[str]) -> None:
    """Raises UploadRefused for a column that nobody could name."""
    for place, name in enumerate(names, start=1):
        check_name(name, f"column {place}")
    if len(set(names)) < len(names):
        [(twice, _)] = Counter(names).most_common(1)
        raise UploadRefused(f"Two columns are called {quote(twice)}; names must differ.")


def check_name(name: str, what: str) -> None:
    """Of a column or of a class."""
    if not name.strip():
        raise UploadRefused(f"The name of {what} is missing.")
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise UploadRefused(
            f"The name of {what} must have at most {LONGEST_NAME} printable characters, not "
            f"{quote(name)}."
        )
    # A number may begin with a sign; whatever else does is a formula to a spreadsheet.
    if _FORMULA.match(name) and not is_number(name):
        raise UploadRefused(f"The name of {what} is {quote(name)}, a formula to spreadsheets.")


def is_number(text: str) -> bool:
    """Whether a spreadsheet, too, takes the text for a plain number."""
    return _NUMBER.fullmatch(text.strip()) is not None and math.isfinite(float(text))


def check_shape(rows: int, columns: int, limits: Limits) -> None:
    """Raises UploadRefused for more than may be kept. Call it before anything is unpacked."""
    if columns < 2:
        raise UploadRefused(
            "The file has one column; a target and at least one feature are needed."
        )
    for what, value, limit in (
        ("columns", columns, limits.max_upload_columns),
        ("rows", rows, limits.max_examples),
        ("values", rows * columns, limits.max_upload_values),
    ):
        if value > limit:
            raise UploadRefused(f"The file has {value:,} {what}; the limit here is {limit:,}.")


def find_target(names: Sequence[str], target: str) -> int:
    """The place of the target column."""
    if target not in names:
        known = ", ".join(map(quote, names[:10])) + (", …" if len(names) > 10 else "")
        raise UploadRefused(
            f"There is no column {quote(target)}; the file has {known}.", "/query/target"
        )
    return list(names).index(target)


def without(place: int, values: Iterable[str]) -> list[str]:
    return [value for at, value in enumerate(values) if at != place]


def quote(text: str) -> str:
    """As its author wrote it, if that is short enough to be of use."""
    return repr(text if len(text) <= 60 else f"{text[:60]}…")
