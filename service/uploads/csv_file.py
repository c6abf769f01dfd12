"""CSV (RFC 4180) with a header, commas and UTF-8."""

import csv
import io
import math
from array import array
from collections.abc import Iterator, Sequence

from service.domain.errors import UploadRefused
from service.domain.limits import Limits
from service.domain.uploads import LONGEST_NAME
from service.uploads.normal import Wanted
from service.uploads.table import Table, check_names, check_shape, find_target, quote, without


def read_csv(raw: bytes, wanted: Wanted, limits: Limits) -> Table:
    """Every cell but the target's must be a plain number. Lines without anything are left out."""
    rows = _rows(_decode(raw), limits)
    header = [name.strip() for name in next(rows, ("", []))[1]]
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        raise UploadRefused("The columns must be separated by commas.")
    check_shape(0, len(header), limits)
    check_names(header)
    place = find_target(header, wanted.target)
    values, classes = array("d"), list[str]()
    for count, (where, row) in enumerate(rows, start=1):
        if len(row) != len(header):
            raise UploadRefused(f"{where} has {len(row):,} fields, and the header {len(header):,}.")
        check_shape(count, len(header), limits)
        if wanted.task == "classification":
            classes.append(row[place].strip())
            if not classes[-1]:
                raise UploadRefused(f"{where}: the target is missing.")
            row[place] = "0"
        values.extend(_numbers(row, header, where))
    width = len(header)
    columns = [values[at::width] for at in range(width)]
    target = columns.pop(place)
    return Table(features=without(place, header), columns=columns, target=classes or target)


def _decode(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UploadRefused(
            f"Byte {error.start + 1:,} is not UTF-8; save the file in that encoding."
        ) from None
    if "\0" in text:
        raise UploadRefused("The file holds zero bytes: it is no CSV, or not in UTF-8.")
    return text


def _lines(text: str, limits: Limits) -> Iterator[str]:
    """A line of a million fields is refused before it is taken apart. A quoted name may hold
    commas too, so this bound is no exact one."""
    for count, line in enumerate(io.StringIO(text, newline=""), start=1):
        if line.count(",") > 2 * limits.max_upload_columns + LONGEST_NAME:
            raise UploadRefused(
                f"Line {count:,} has too many columns; the limit here is "
                f"{limits.max_upload_columns:,}."
            )
        yield line


def _rows(text: str, limits: Limits) -> Iterator[tuple[str, list[str]]]:
    reader = csv.reader(_lines(text, limits), strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise UploadRefused(f"Line {reader.line_num:,}: {error}.") from None
        if row:
            yield f"Line {reader.line_num:,}", row


def _numbers(row: Sequence[str], header: Sequence[str], where: str) -> list[float]:
    try:
        numbers = [float(cell) for cell in row]
    except ValueError:
        numbers = []
    # Python reads "1_000" as a number; nobody else does.
    if numbers and all(map(math.isfinite, numbers)) and not any("_" in cell for cell in row):
        return numbers
    name, cell = next(
        (name, cell) for name, cell in zip(header, row, strict=True) if not _is_finite(cell)
    )
    what = f"{quote(cell)} is no finite number" if cell.strip() else "the value is missing"
    raise UploadRefused(f"{where}, column {quote(name)}: {what}.")


def _is_finite(cell: str) -> bool:
    try:
        return "_" not in cell and math.isfinite(float(cell))
    except ValueError:
        return False
