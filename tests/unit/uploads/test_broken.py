"""Files with a few bytes changed: they are read, or refused, and nothing else happens."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.errors import UploadRefused
from service.domain.losses import Task
from service.uploads import CSV, NPZ, PARQUET
from tests.unit.uploads.files import X, Y, npz, prepared
from tests.unit.uploads.test_parquet import parquet_of

_NUMBERS = {"a": [1, 2, 3], "y": [0.5, 1.5, 2.5]}
_TEXT = {"a": [1, 2, 3], "y": ["grün", "blå", "grün"]}
FILES: dict[str, tuple[str, bytes, Task]] = {
    "csv": (CSV, b'a,y\n1,2\n"3.5",-4e1\n5,6\n', "regression"),
    "csv of classes": (CSV, "a,y\n1,grün\n2,blå\n3,grün\n".encode(), "classification"),
    "npz": (NPZ, npz(X=X, y=Y), "regression"),
    "parquet": (PARQUET, parquet_of(_NUMBERS), "regression"),
    "parquet of classes": (PARQUET, parquet_of(_TEXT), "classification"),
    # Packed, a changed byte is found by a checksum; and here most bytes are the text.
    "plain parquet of classes": (
        PARQUET,
        parquet_of(_TEXT, compression="none", store_schema=False, write_statistics=False),
        "classification",
    ),
}
CHANGES = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4)


@pytest.mark.parametrize("kind", FILES)
@settings(max_examples=150, deadline=None)
@given(changes=CHANGES, cut=st.integers(0, 40))
def test_a_broken_file_is_read_or_refused(
    kind: str, changes: list[tuple[int, int]], cut: int
) -> None:
    form, whole, task = FILES[kind]
    raw = bytearray(whole)
    for place, value in changes:
        raw[place % len(raw)] = value
    if cut > 30:
        del raw[-(cut - 30) :]
    with contextlib.suppress(UploadRefused):
        found = prepared(form, bytes(raw), task=task)
        assert len(found.columns) == len(found.header.features) + 1
