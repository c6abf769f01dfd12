"""Parquet, through pyarrow where that is installed."""

import io
from array import array
from collections.abc import Sequence
from typing import Any

from service.domain.errors import FormatUnavailable, UploadRefused
from service.domain.limits import Limits
from service.uploads.normal import Wanted
from service.uploads.parquet_pages import check_pages, read_footer
from service.uploads.table import Table, check_names, check_shape, find_target, quote, without

_MOST_ROW_GROUPS = 10_000

_NO_UTF8 = "The file holds text or names that are not UTF-8."


def read_parquet(raw: bytes, wanted: Wanted, limits: Limits) -> Table:
    """Flat columns of integers, floats and booleans; the classes of the target may be text."""
    try:
        # An optional extra, and slow to import: only where somebody sends such a file.
        import pyarrow  # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415
    except ModuleNotFoundError:
        raise FormatUnavailable(
            "Parquet needs pyarrow, which is not installed where this service runs: "
            "pip install 'subgrad[parquet]'. CSV and NPZ are possible now."
        ) from None
    footer = read_footer(raw)
    # A list is made as long as the footer says before any of it is there.
    bounds = {
        "thrift_string_size_limit": len(raw),
        "thrift_container_size_limit": limits.max_upload_columns + _MOST_ROW_GROUPS,
    }
    try:
        file = parquet.ParquetFile(io.BytesIO(raw), **bounds)
        _check_file(file, wanted, limits)
        check_pages(raw, footer, file.schema_arrow.names, limits)
        # As a dictionary, text takes no more memory than its different values.
        file = parquet.ParquetFile(io.BytesIO(raw), read_dictionary=[wanted.target], **bounds)
        table = file.read(use_threads=False)
        _validate(table)
        # What cannot be read is found at the latest when the values are looked at.
        return _table(table, wanted)
    except UnicodeDecodeError:
        raise UploadRefused(_NO_UTF8) from None
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise UploadRefused(f"The file is no Parquet that could be read: {error}.") from None


def _validate(table: Any) -> None:
    """Of what Arrow reads it believes text to be UTF-8, and places in a dictionary to be there."""
    import pyarrow  # noqa: PLC0415

    try:
        table.validate(full=True)
    except pyarrow.ArrowInvalid as error:
        if "UTF8" not in str(error):
            raise
        raise UploadRefused(_NO_UTF8) from None


def _table(table: Any, wanted: Wanted) -> Table:
    names = list(table.column_names)
    place = find_target(names, wanted.target)
    columns = [_numbers(table.column(at), name) for at, name in enumerate(names) if at != place]
    target = _target(table.column(place), wanted)
    return Table(features=without(place, names), columns=columns, target=target)


def _check_file(file: Any, wanted: Wanted, limits: Limits) -> None:
    """Everything that the file says of itself, before anything is unpacked."""
    metadata, schema = file.metadata, file.schema_arrow
    # As many rows are read as the groups have, whatever the file has as their sum.
    groups = sum(metadata.row_group(at).num_rows for at in range(metadata.num_row_groups))
    check_shape(max(metadata.num_rows, groups), metadata.num_columns, limits)
    check_names(schema.names)
    find_target(schema.names, wanted.target)
    for field in schema:
        if not (_is_numeric(field.type) or (field.name == wanted.target and _is_text(field.type))):
            raise UploadRefused(
                f"Column {quote(field.name)} is of type {str(field.type)[:60]}; numbers are needed."
            )


def _is_numeric(kind: Any) -> bool:
    from pyarrow import types  # noqa: PLC0415

    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))


def _is_text(kind: Any) -> bool:
    from pyarrow import types  # noqa: PLC0415

    inner = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_string(inner) or types.is_large_string(inner) or _is_numeric(inner))


def _numbers(column: Any, name: str) -> "array[float]":
    import pyarrow  # noqa: PLC0415

    _check_complete(column, name)
    if pyarrow.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    values = array("d")
    # Two steps, because booleans become float64 only through integers.
    if pyarrow.types.is_boolean(column.type):
        column = column.cast(pyarrow.int8())
    for chunk in column.cast(pyarrow.float64(), safe=False).chunks:
        data = memoryview(chunk.buffers()[1]) if len(chunk) else b""
        values.frombytes(data[8 * chunk.offset : 8 * (chunk.offset + len(chunk))])
    return values


def _target(column: Any, wanted: Wanted) -> "array[float] | Sequence[str]":
    kind = column.type
    import pyarrow  # noqa: PLC0415

    inner = kind.value_type if pyarrow.types.is_dictionary(kind) else kind
    if _is_numeric(inner):
        return _numbers(column, wanted.target)
    if wanted.task == "regression":
        raise UploadRefused(
            f"Column {quote(wanted.target)} holds text, and regression needs numbers.",
            "/query/task",
        )
    _check_complete(column, wanted.target)
    text: list[str] = []
    for chunk in column.chunks:
        # Equal text is one object: a class is named once, however many examples it has.
        names = chunk.dictionary.to_pylist()
        text += [names[at] for at in chunk.indices.to_pylist()]
    return text


def _check_complete(column: Any, name: str) -> None:
    if column.null_count:
        raise UploadRefused(f"Column {quote(name)} has {column.null_count:,} missing values.")
