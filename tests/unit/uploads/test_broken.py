"""Files with a few bytes changed: they are read, or refused, and nothing else happens."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.errors import UploadRefused
from service.uploads import CSV, NPZ, PARQUET
from tests.unit.uploads.files import X, Y, npz, prepared
from tests.unit.uploads.test_parquet import parquet_of

FILES = {
    CSV: b'a,y\n1,2\n"3.5",-4e1\n5,6\n',
    NPZ: npz(X=X, y=Y),
    PARQUET: parquet_of({"a": [1, 2, 3], "y": [0.5, 1.5, 2.5]}),
}
CHANGES = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4)


@pytest.mark.parametrize("form", FILES)
@settings(max_examples=150, deadline=None)
@given(changes=CHANGES, cut=st.integers(0, 40))
def test_a_broken_file_is_read_or_refused(
    form: str, changes: list[tuple[int, int]], cut: int
) -> None:
    raw = bytearray(FILES[form])
    for place, value in changes:
        raw[place % len(raw)] = value
    if cut > 30:
        del raw[-(cut - 30) :]
    with contextlib.suppress(UploadRefused):
        found = prepared(form, bytes(raw))
        assert len(found.columns) == len(found.header.features) + 1
