"""NPZ: a ZIP archive of NPY arrays, as `numpy.savez(file, X=…, y=…)` writes it. Without numpy, and
so without its pickles: object arrays are refused before anything of them is looked at."""

import io
import struct
import sys
import zipfile
import zlib
from array import array
from collections.abc import Sequence
from typing import Any

from service.domain.errors import UploadRefused
from service.domain.limits import Limits
from service.uploads.normal import Wanted
from service.uploads.npy import Header, parse_header
from service.uploads.table import Table, check_shape, quote

_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    NotImplementedError,  # an unknown kind of packing
    RuntimeError,  # a password
)
"""What `zipfile` raises over broken archives."""

_MOST_DIRECTORY_BYTES = 65_536
_END_BYTES, _LOCATOR_BYTES = 22, 20


def read_npz(raw: bytes, wanted: Wanted, limits: Limits) -> Table:
    """The features are the array `X` [N, F], the target the array that is asked for [N]."""
    if wanted.target == "X":
        raise UploadRefused("X holds the features; name another array.", "/query/target")
    _check_directory(raw)
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            header, data = _open(archive, "X", limits)
            if len(header.shape) != 2:
                raise UploadRefused(f"X must have two dimensions, not the shape {header.shape}.")
            count, width = header.shape
            check_shape(count, width + 1, limits)
            features = _numbers(header, data, "X")
            target = _target(archive, wanted, count, limits)
    except _BROKEN as error:
        raise UploadRefused(f"The file is no ZIP archive that could be read: {error}.") from None
    columns = [
        features[at * count : (at + 1) * count] if header.is_fortran else features[at::width]
        for at in range(width)
    ]
    return Table(features=[f"x{at}" for at in range(width)], columns=columns, target=target)


def _target(
    archive: zipfile.ZipFile, wanted: Wanted, count: int, limits: Limits
) -> "array[float] | Sequence[str]":
    name = wanted.target
    header, data = _open(archive, name, limits)
    if header.shape not in ((count,), (count, 1)):
        raise UploadRefused(
            f"{name} has the shape {header.shape}; with {count:,} rows in X it must be ({count},)."
        )
    if header.kind != "U":
        return _numbers(header, data, name)
    if wanted.task == "regression":
        raise UploadRefused(f"{name} holds text, and regression needs numbers.", "/query/task")
    encoding = "utf-32-be" if header.is_swapped == (sys.byteorder == "little") else "utf-32-le"
    try:
        text = [
            data[at : at + header.item_bytes].decode(encoding).rstrip("\0")
            for at in range(0, len(data), header.item_bytes)
        ]
    except UnicodeDecodeError:
        raise UploadRefused(f"{name} holds text that is no Unicode.") from None
    return text


def _check_directory(raw: bytes) -> None:
    """A directory of a million entries costs memory before the first of them is opened. Its size
    stands at the very end of the file, where numpy writes it."""
    end = raw[-_END_BYTES:]
    locator = raw[-_END_BYTES - _LOCATOR_BYTES : -_END_BYTES]
    if not end.startswith(b"PK\x05\x06"):
        raise UploadRefused("The file is no NPZ: it does not end as a ZIP archive does.")
    size = int.from_bytes(end[12:16], "little")
    if size > _MOST_DIRECTORY_BYTES or locator.startswith(b"PK\x06\x07"):
        raise UploadRefused("The archive holds too many files; X and the target are needed.")


def _open(archive: zipfile.ZipFile, name: str, limits: Limits) -> tuple[Header, bytes]:
    """The header of the array and its data, of which never more are unpacked than may be kept."""
    try:
        member = archive.getinfo(f"{name}.npy")
    except KeyError:
        there = ", ".join(quote(one.removesuffix(".npy")) for one in archive.namelist()[:10])
        pointer = "" if name == "X" else "/query/target"
        raise UploadRefused(
            f"There is no array {quote(name)}; there is {there}.", pointer
        ) from None
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UploadRefused(f"{name} is packed in a way that numpy does not use.")
    with archive.open(member) as file:
        # What the archive says of its size is not asked.
        data = file.read(limits.max_upload_bytes + 1)
    if len(data) > limits.max_upload_bytes:
        raise UploadRefused(
            f"{name} unpacks to more than {limits.max_upload_bytes:,} bytes, the limit here."
        )
    return parse_header(data, name)


def _numbers(header: Header, data: bytes, name: str) -> "array[float]":
    if header.kind == "U":
        raise UploadRefused(f"{name} holds text; features must be numbers.")
    code = {"f4": "f", "f8": "d", "b1": "B"}.get(f"{header.kind}{header.item_bytes}")
    if code is None:
        signed = {1: "b", 2: "h", 4: "i", 8: "q"}[header.item_bytes]
        code = signed if header.kind == "i" else signed.upper()
    values: array[Any] = array(code)
    values.frombytes(data)
    if header.is_swapped:
        values.byteswap()
    return values if code == "d" else array("d", values)
