"""Files as users have them, and as attackers make them; NPY by hand, because numpy is not there."""

import io
import struct
import zipfile
from typing import Any

import pytest

from service.domain.errors import UploadRefused
from service.domain.limits import Limits
from service.domain.losses import Task
from service.domain.uploads import Header
from service.uploads import CSV, NPZ, Prepared, Wanted, read

LIMITS = Limits(
    max_upload_bytes=20_000, max_upload_values=600, max_upload_columns=12, max_examples=200
)


def prepared(
    form: str,
    raw: bytes,
    target: str = "y",
    task: Task = "regression",
    limits: Limits = LIMITS,
) -> Prepared:
    return read(form, raw, Wanted(task=task, target=target), limits)


def of_csv(text: str, target: str = "y", task: Task = "regression") -> Prepared:
    return prepared(CSV, text.encode(), target, task)


def matrix(found: Prepared) -> list[list[float]]:
    """The stored rows, features first."""
    header, data = Header.unpack(found.content)
    width = len(header.features) + 1
    values = [one for (one,) in struct.iter_unpack("<d", data)]
    return [values[at : at + width] for at in range(0, len(values), width)]


def refusal(form: str, raw: bytes, **options: Any) -> tuple[str, str]:
    """Why the file is refused, and where."""
    with pytest.raises(UploadRefused) as refused:
        prepared(form, raw, **options)
    (error,) = refused.value.errors
    return error.detail, error.pointer


def npy(descr: Any, shape: Any, data: bytes, *, fortran: bool = False, version: int = 1) -> bytes:
    """An NPY array as numpy writes it."""
    header = repr({"descr": descr, "fortran_order": fortran, "shape": shape}).encode() + b"\n"
    return npy_of(header, data, version=version)


def npy_of(header: bytes, data: bytes, *, version: int = 1) -> bytes:
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + data


def npz(compression: int = zipfile.ZIP_DEFLATED, /, **arrays: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in arrays.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def doubles(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}d", *values)


X = npy("<f8", (3, 2), doubles(1, 2, 3, 4, 5, 6))
Y = npy("<f8", (3,), doubles(7, 8, 9))


def of_npz(task: Task = "regression", target: str = "y", **arrays: bytes) -> Prepared:
    return prepared(NPZ, npz(zipfile.ZIP_DEFLATED, **arrays), target, task)
