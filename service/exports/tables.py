"""The series of many jobs as one long table: each row begins with its job and where that stands."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from service.exports.extras import load

Part = tuple[Mapping[str, Any], bytes]
"""What every row of a file begins with, by column; and the file."""


def join_csv(parts: Iterable[Part]) -> Iterator[bytes]:
    """CSV files with the same header as one, piece by piece."""
    for index, (first, content) in enumerate(parts):
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        header, *rows = csv.reader(io.StringIO(content.decode(), newline=""))
        if index == 0:
            writer.writerow([*first, *header])
        begin = [_cell(value) for value in first.values()]
        writer.writerows([*begin, *row] for row in rows)
        yield text.getvalue().encode()


def join_parquet(parts: Iterable[Part], names: Sequence[str], into: BinaryIO) -> None:
    """Parquet files with the same columns as one, a row group each. The columns `names` are text:
    JSON but for strings. Raises ExtraMissing."""
    arrow = load("pyarrow", library="pyarrow", extra="parquet")
    parquet = load("pyarrow.parquet", library="pyarrow", extra="parquet")
    writer = None
    for first, content in parts:
        # Without Arrow's threads: at the end of a process they abort it now and then, with its
        # work done (https://github.com/apache/arrow/issues/34314).
        table = parquet.ParquetFile(io.BytesIO(content), pre_buffer=False).read(use_threads=False)
        for place, name in enumerate(names):
            value = arrow.array([_cell(first[name])] * table.num_rows, arrow.string())
            table = table.add_column(place, name, value)
        if writer is None:
            writer = parquet.ParquetWriter(into, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _cell(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)
