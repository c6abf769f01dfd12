"""Columns as CSV and as Parquet."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Response

from service.api.errors import ApiError
from service.db.metrics import Columns

JSON = "application/json"
CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"

FORMS = (JSON, CSV, PARQUET)


def respond(form: str, columns: Columns, counts: frozenset[str], name: str) -> Response:
    """The columns as a file in this form. `counts` are the columns of integers."""
    content = to_csv(columns) if form == CSV else to_parquet(columns, counts)
    suffix = "csv" if form == CSV else "parquet"
    kind = f"{CSV}; charset=utf-8; header=present" if form == CSV else PARQUET
    headers = {"Content-Disposition": f'attachment; filename="{name}.{suffix}"', "Vary": "Accept"}
    return Response(content, media_type=kind, headers=headers)


def to_csv(columns: Columns) -> bytes:
    """RFC 4180 with a header. An empty field is null; NaN, Infinity and -Infinity are measured."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(zip(*([_cell(v) for v in column] for column in columns.values()), strict=True))
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def to_parquet(columns: Mapping[str, Sequence[Any]], counts: frozenset[str]) -> bytes:
    """int64 and float64 columns; null and NaN stay apart. Raises ApiError where pyarrow is not
    installed."""
    try:
        # An optional extra, and slow to import: only where somebody asks for it.
        import pyarrow  # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415
    except ModuleNotFoundError:
        raise ApiError(
            "not_acceptable",
            "Parquet needs pyarrow, which is not installed where this service runs: "
            f"pip install 'subgrad[parquet]'. {JSON} and {CSV} are possible now.",
        ) from None
    kinds = {name: pyarrow.int64() if name in counts else pyarrow.float64() for name in columns}
    table = pyarrow.table(
        {
            name: pyarrow.array(values, kinds[name], from_pandas=False)
            for name, values in columns.items()
        }
    )
    file = io.BytesIO()
    parquet.write_table(table, file)
    return file.getvalue()
