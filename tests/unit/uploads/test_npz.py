"""NPZ files, honest and hostile. What numpy itself writes is read in tests/integration/api."""

import io
import pickle
import struct
import zipfile

import pytest

from service.uploads import NPZ
from tests.unit.uploads.files import X, Y, doubles, matrix, npy, npy_of, npz, of_npz, refusal

ROWS = [[1, 2, 7], [3, 4, 8], [5, 6, 9]]


@pytest.mark.parametrize(
    "x",
    [
        X,
        npy("<f8", (3, 2), doubles(1, 3, 5, 2, 4, 6), fortran=True),
        npy(">f8", (3, 2), struct.pack(">6d", 1, 2, 3, 4, 5, 6)),
        npy("<f4", (3, 2), struct.pack("<6f", 1, 2, 3, 4, 5, 6), version=2),
        npy(">i2", (3, 2), struct.pack(">6h", 1, 2, 3, 4, 5, 6), version=3),
        npy("<u8", (3, 2), struct.pack("<6Q", 1, 2, 3, 4, 5, 6)),
        npy("|i1", (3, 2), bytes([1, 2, 3, 4, 5, 6])),
    ],
)
def test_every_kind_of_number_is_the_same_data_set(x: bytes) -> None:
    found = of_npz(X=x, y=Y)
    assert matrix(found) == ROWS
    assert found.header.features == ["x0", "x1"]
    assert found.id == of_npz(X=X, y=npy("<f8", (3, 1), doubles(7, 8, 9))).id


def test_booleans_are_0_and_1() -> None:
    assert matrix(of_npz(X=npy("|b1", (3, 2), b"\0\1\1\0\1\1"), y=Y))[0] == [0, 1, 7]


@pytest.mark.parametrize(("descr", "encoding"), [("<U3", "utf-32-le"), (">U3", "utf-32-be")])
def test_classes_may_be_text(descr: str, encoding: str) -> None:
    text = b"".join(word.ljust(3, "\0").encode(encoding) for word in ("bé", "a", "bé"))
    found = of_npz("classification", "kind", X=X, kind=npy(descr, (3,), text))
    assert found.header.labels == ["a", "bé"]
    assert [row[-1] for row in matrix(found)] == [1, 0, 1]


def test_arrays_that_nobody_asked_for_are_left_alone() -> None:
    evil = npy("|O", (1,), pickle.dumps(print))
    assert of_npz(X=X, y=Y, other=evil).id == of_npz(X=X, y=Y).id


@pytest.mark.parametrize(
    ("x", "reason"),
    [
        (npy("|O", (1, 2), pickle.dumps([print])), "pickle"),
        (npy([("a", "<f8")], (3, 2), bytes(48)), "has the type"),
        (npy("<c16", (3, 2), bytes(96)), "has the type '<c16'"),
        (npy("<f2", (3, 2), bytes(12)), "has the type '<f2'"),
        (npy("<M8[s]", (3, 2), bytes(48)), "has the type"),
        (npy("|V8", (3, 2), bytes(48)), "has the type"),
        (npy("<U99999", (3, 2), b""), "has the type"),
        (npy("<U1", (3, 2), bytes(24)), "features must be numbers"),
        (npy("<f8", (3,), bytes(24)), "two dimensions"),
        (npy("<f8", (3, 1, 2), bytes(48)), "one or two dimensions"),
        (npy("<f8", (3, -2), b""), "one or two dimensions"),
        (npy("<f8", (True, 2), bytes(16)), "one or two dimensions"),
        (npy("<f8", (2**39, 2**39), bytes(16)), "needs"),
        (npy("<f8", (3, 2), bytes(47)), "needs 48 bytes, and has 47"),
        (npy("<f8", (3, 2), bytes(49)), "needs 48 bytes, and has 49"),
        (npy("<f8", (3, 0), b""), "one column"),
        (npy("<f8", (0, 2), b""), "must be (0,)"),
        (npy("<f8", (201, 2), bytes(3216)), "201 rows"),
        (npy("<f8", (3, 12), bytes(288)), "13 columns"),
        (npy("<f8", (3, 2), doubles(1, 2, float("nan"), 4, 5, 6)), "row 2: nan is no finite"),
        (npy("<f8", (3, 2), doubles(1, 2, 3, float("inf"), 5, 6)), "'x1', row 2: inf"),
        (b"", "no NPY"),
        (b"\x93NUMPY", "no NPY"),
        (b"\x93NUMPY\x04\0" + bytes(20), "no NPY"),
        (npy_of(b"x" * 10_001, b""), "header of 10,001 bytes"),
        (b"\x93NUMPY\x02\0\xff\xff\xff\xff{}      ", "header of 4,294,967,295 bytes"),
        (npy_of(b"(" * 9000, b""), "no NPY header"),
        (npy_of(b"{'descr': '<f8'}", b""), "no NPY header"),
        (npy_of(b"__import__('os').abort()", b""), "no NPY header"),
        (npy_of(b"\xff\xfe", b""), "no NPY header"),
        (npy_of(b"{'descr': '<f8', 'fortran_order': 0, 'shape': 6, 'x': 1}", b""), "no NPY header"),
    ],
)
def test_hostile_arrays_are_refused(x: bytes, reason: str) -> None:
    assert reason in refusal(NPZ, npz(X=x, y=Y))[0]


@pytest.mark.parametrize(
    ("y", "reason"),
    [
        (npy("<f8", (2,), doubles(1, 2)), "shape (2,)"),
        (npy("<f8", (1, 3), doubles(1, 2, 3)), "shape (1, 3)"),
        (npy("<f8", (), doubles(1)), "shape ()"),
        (npy("<U1", (3,), bytes(12)), "regression needs numbers"),
        (npy("|S1", (3,), b"abc"), "has the type"),
        (npy("|O", (3,), pickle.dumps([1, 2, 3])), "pickle"),
        (npy("<f8", (3,), doubles(1, float("nan"), 3)), "'y', row 2"),
    ],
)
def test_a_target_that_does_not_fit_is_refused(y: bytes, reason: str) -> None:
    assert reason in refusal(NPZ, npz(X=X, y=y))[0]


def test_text_that_is_no_unicode_is_refused() -> None:
    text = npy("<U1", (3,), b"\xff" * 12)
    assert "no Unicode" in refusal(NPZ, npz(X=X, y=text), task="classification")[0]


def test_a_missing_array_is_told_with_those_that_are_there() -> None:
    assert refusal(NPZ, npz(X=X, y=Y), target="label") == (
        "There is no array 'label'; there is 'X', 'y'.",
        "/query/target",
    )
    assert refusal(NPZ, npz(y=Y))[1] == ""
    assert refusal(NPZ, npz(X=X), target="X")[1] == "/query/target"


def test_a_zip_bomb_is_not_unpacked() -> None:
    """A thousand times its size, whatever the archive says of itself."""
    bomb = npz(X=npy("<f8", (3, 2), bytes(10_000_000)), y=Y)
    assert len(bomb) < 20_000
    assert "unpacks to more than 20,000 bytes" in refusal(NPZ, bomb)[0]
    liar = bomb.replace(struct.pack("<I", 10_000_000 + len(X) - 48), struct.pack("<I", 100))
    assert liar != bomb
    assert refusal(NPZ, liar)


def test_an_encrypted_archive_is_refused() -> None:
    """The flag stands before each file and in the directory."""
    plain = npz(X=X, y=Y)
    locked = bytearray(plain)
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := plain.find(signature, at + 1)) >= 0:
            locked[at + flags] |= 1
    assert "encrypted" in refusal(NPZ, bytes(locked))[0]


def test_a_directory_of_many_files_is_not_read() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for at in range(2000):
            archive.writestr(f"{at}.npy", b"")
    assert "too many files" in refusal(NPZ, file.getvalue())[0]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty"),
        (b"a,y\n1,2\n3,4\n", "no NPZ"),
        (X, "no NPZ"),
        (pickle.dumps({"X": [[1, 2]], "y": [1]}), "no NPZ"),
        (npz(X=X, y=Y)[:-30], "no NPZ"),
        (npz(X=X, y=Y)[200:], "no ZIP archive"),
        (npz(zipfile.ZIP_LZMA, X=X, y=Y), "packed in a way"),
        (npz(zipfile.ZIP_BZIP2, X=X, y=Y), "packed in a way"),
        (npz(zipfile.ZIP_STORED, X=X, y=Y).replace(doubles(4), doubles(5)), "no ZIP archive"),
    ],
)
def test_what_is_no_npz_is_refused(raw: bytes, reason: str) -> None:
    assert reason in refusal(NPZ, raw)[0]
