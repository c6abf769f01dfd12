"""What a Parquet file will unpack to, found out without unpacking it: its footer may lie, but each
page is unpacked into exactly as many bytes as the header of that page says.

The format: https://parquet.apache.org/docs/file-format/
"""

from collections.abc import Iterator, Sequence
from typing import Any

from service.domain.errors import UploadRefused
from service.domain.limits import Limits
from service.uploads.table import quote
from service.uploads.thrift import Budget, Malformed, Reader, TooLong

_END_BYTES = 8
"""The length of the footer, and `PAR1`."""

_MOST_VALUES = 5_000_000
"""Of a footer, and of all headers of pages: what 10,000 columns need, and a second to look at."""

# The ids of fields in the headers of pages: see parquet.thrift.
_UNPACKED_BYTES, _PACKED_BYTES = 2, 3
_ENCODINGS = {5: 2, 8: 4}
"""By the field with what is said of a page of data, of the first and the second kind."""
_DICTIONARY = 7
_COUNT = 1
"""Of values, in each of the three."""

_DELTA_BYTE_ARRAY = 7

# And in the footer: its row groups, their columns and rows, and what is told of a column's part.
_GROUPS, _COLUMNS, _GROUP_ROWS, _METADATA = 4, 1, 3, 3
_CHUNK_VALUES, _CHUNK_BYTES, _DATA_AT, _DICTIONARY_AT = 5, 7, 9, 11

Footer = dict[int, Any]
"""A struct of Thrift: what it holds by the ids of its fields."""


def read_footer(raw: bytes) -> Footer:
    """A footer of a megabyte can hold so many parts that their objects take a gigabyte, and Arrow,
    asked for the columns of one that contradicts itself, ends the process. Raises UploadRefused."""
    end = len(raw) - _END_BYTES
    length = int.from_bytes(raw[end : end + 4], "little") if end > 0 else 0
    if raw.endswith(b"PARE"):
        raise UploadRefused("The file is encrypted; no key is asked for.")
    if end <= 0 or length > end:
        raise UploadRefused("The file is no Parquet: it does not end as one does.")
    try:
        return Reader(raw, end - length, Budget(_MOST_VALUES)).read_struct()
    except Malformed:
        raise UploadRefused("The file is no Parquet: its footer cannot be read.") from None
    except TooLong:
        raise UploadRefused(
            "The footer describes too many parts: write the file with larger row groups."
        ) from None


def check_pages(raw: bytes, footer: Footer, names: Sequence[str], limits: Limits) -> None:
    """Raises UploadRefused for more bytes or rows than the file may have. `names`: of its columns,
    none of which holds others."""
    budget, unpacked = Budget(_MOST_VALUES), 0
    for rows, name, chunk in _chunks(footer, names):
        values = _number(chunk, _CHUNK_VALUES)
        if values != rows or rows < 0:
            raise UploadRefused(f"Column {name} has {values:,} values in {rows:,} rows.")
        if rows == 0:
            continue  # Nothing is read, and Arrow writes no page that could be.
        for header in _headers(raw, chunk, name, budget):
            unpacked += _number(header, _UNPACKED_BYTES)
            if unpacked > limits.max_upload_bytes:
                raise UploadRefused(
                    f"The file unpacks to more than {limits.max_upload_bytes:,} bytes, the limit "
                    "here."
                )
            _check_values(header, values, name)


def _check_values(header: dict[int, Any], rows: int, name: str) -> None:
    """What the values of a page take is made as large as its header says before they are read."""
    for kind, encoding in _ENCODINGS.items():
        if _number(header, kind, encoding) == _DELTA_BYTE_ARRAY:
            raise UploadRefused(
                f"Column {name} is encoded as DELTA_BYTE_ARRAY, which may unpack to more than it "
                "says; write it as PLAIN or with a dictionary."
            )
        if _number(header, kind, _COUNT) > rows:
            raise UploadRefused(f"A page of column {name} has more values than its rows.")
    # A value of a dictionary takes a byte or more.
    if _number(header, _DICTIONARY, _COUNT) > _number(header, _UNPACKED_BYTES):
        raise UploadRefused(f"The dictionary of column {name} has more values than bytes.")


def _number(struct: Any, *path: int) -> int:
    """What stands there; -1 where nothing does, or no number."""
    for field in path:
        struct = struct.get(field) if isinstance(struct, dict) else None
    return struct if isinstance(struct, int) else -1


def _chunks(footer: Footer, names: Sequence[str]) -> Iterator[tuple[int, str, Footer]]:
    """The rows of each group, and the name and the metadata of each of its columns."""
    for group in footer.get(_GROUPS) or []:
        columns = group.get(_COLUMNS) or []
        if not isinstance(columns, list) or len(columns) != len(names):
            raise UploadRefused("The file is no Parquet: a row group lacks columns.")
        for name, column in zip(names, columns, strict=True):
            chunk = column.get(_METADATA)
            if not isinstance(chunk, dict):
                raise UploadRefused(f"The footer does not tell of a part of column {quote(name)}.")
            yield _number(group, _GROUP_ROWS), quote(name), chunk


def _headers(raw: bytes, chunk: Footer, name: str, budget: Budget) -> Iterator[dict[int, Any]]:
    """Those of the pages of a column in a row group, which stand one behind the other."""
    broken = UploadRefused(
        f"The file is no Parquet that could be read: the pages of column {name} are not where it "
        "says."
    )
    start = _number(chunk, _DATA_AT)
    if 0 < _number(chunk, _DICTIONARY_AT) < start:
        start = _number(chunk, _DICTIONARY_AT)
    end = start + _number(chunk, _CHUNK_BYTES)
    if not 0 <= start <= end <= len(raw):
        raise broken
    while start < end:
        reader = Reader(raw, start, budget)
        try:
            header = reader.read_struct()
        except Malformed:
            raise broken from None
        except TooLong:
            raise UploadRefused(
                "The file has too many pages: write it with larger row groups."
            ) from None
        packed = _number(header, _PACKED_BYTES)
        if min(packed, _number(header, _UNPACKED_BYTES)) < 0:
            raise broken
        yield header
        start = reader.at + packed
