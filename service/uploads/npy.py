"""The header of an NPY file (numpy's format 1.0 to 3.0), read strictly: what numpy itself writes
for plain numbers and text is understood, and nothing else."""

import ast
import math
import re
import sys
from dataclasses import dataclass
from typing import Any

from service.domain.errors import UploadRefused
from service.domain.uploads import LONGEST_NAME

_MAGIC = b"\x93NUMPY"
_MOST_HEADER_BYTES = 10_000
"""numpy's own bound for headers of unknown origin."""

_PLAIN = re.compile(r"([<>|=])(?:([fiub])([1248])|(U)([0-9]{1,4}))")
_SIZES = {"f": (4, 8), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "b": (1,)}


@dataclass(frozen=True, kw_only=True)
class Header:
    kind: str
    """f, i, u, b (bool) or U (text)."""
    item_bytes: int
    is_swapped: bool
    """Whether the bytes stand the other way round than this machine has them."""
    is_fortran: bool
    """Whether it stands column by column."""
    shape: tuple[int, ...]


def parse_header(raw: bytes, name: str) -> tuple[Header, bytes]:
    """The header and the data behind it. Raises UploadRefused."""
    if not raw.startswith(_MAGIC) or len(raw) < 12 or raw[6] not in (1, 2, 3):
        raise UploadRefused(f"{name} is no NPY array.")
    width = 2 if raw[6] == 1 else 4
    start = 8 + width
    length = int.from_bytes(raw[8:start], "little")
    if length > min(_MOST_HEADER_BYTES, len(raw) - start):
        raise UploadRefused(f"{name} has a header of {length:,} bytes, which no plain array needs.")
    described = _literal(raw[start : start + length], name)
    data = raw[start + length :]
    header = Header(
        **_item(described["descr"], name),
        is_fortran=described["fortran_order"] is True,
        shape=_shape(described["shape"], name),
    )
    wanted = math.prod(header.shape) * header.item_bytes
    if wanted != len(data):
        raise UploadRefused(
            f"{name} of shape {header.shape} needs {wanted:,} bytes, and has {len(data):,}."
        )
    return header, data


def _literal(text: bytes, name: str) -> dict[str, Any]:
    try:
        described = ast.literal_eval(text.decode("utf-8").strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        described = None
    if not isinstance(described, dict) or set(described) != {"descr", "fortran_order", "shape"}:
        raise UploadRefused(f"{name} has a header that is no NPY header.")
    return described


def _shape(shape: object, name: str) -> tuple[int, ...]:
    if (
        not isinstance(shape, tuple)
        or len(shape) > 2
        or not all(type(side) is int and 0 <= side < 2**40 for side in shape)
    ):
        raise UploadRefused(f"{name} must be a plain array of one or two dimensions.")
    return shape


def _item(descr: object, name: str) -> dict[str, Any]:
    if isinstance(descr, str) and descr.endswith("O"):
        raise UploadRefused(f"{name} holds Python objects, that is a pickle; those are never read.")
    found = _PLAIN.fullmatch(descr) if isinstance(descr, str) else None
    kind = (found[2] or found[4]) if found else ""
    size = int(found[3] or found[5]) if found else 0
    fits = 0 < size <= LONGEST_NAME if kind == "U" else size in _SIZES.get(kind, ())
    if found is None or not fits:
        raise UploadRefused(
            f"{name} has the type {str(descr)[:60]!r}; integers, booleans, float32 and float64 are "
            f"read, and text of at most {LONGEST_NAME} characters."
        )
    swapped = ">" if sys.byteorder == "little" else "<"
    return {
        "kind": kind,
        "item_bytes": size * 4 if kind == "U" else size,
        "is_swapped": found[1] == swapped,
    }
