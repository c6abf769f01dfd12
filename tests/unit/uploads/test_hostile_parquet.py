"""Parquet files that say of themselves what is not so: refused with their reason, in bounded
memory."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from service.uploads import PARQUET
from service.uploads.thrift import Budget, Reader
from tests.architecture.tree import ROOT
from tests.unit.uploads.files import prepared, refusal
from tests.unit.uploads.test_parquet import parquet, parquet_of

GIGABYTES = 2**31 - 1


def integer(value: int, width: int = 0) -> bytes:
    """As Thrift's compact protocol writes it, or in so many bytes."""
    rest, written = 2 * value, bytearray()
    while rest > 127:
        written.append(rest & 127 | 128)
        rest >>= 7
    written.append(rest)
    while len(written) < width:
        written[-1] |= 128
        written.append(0)
    return bytes(written)


def relabelled(raw: bytes, true: int, claimed: int, *, which: int = 0) -> bytes:
    """The file with another number in that one of the places in its footer that have `true`."""
    start = len(raw) - 8 - int.from_bytes(raw[-8:-4], "little")
    before, *parts = raw[start:].split(integer(true))
    numbers = [integer(true)] * len(parts)
    numbers[which] = integer(claimed, len(integer(true)))
    assert len(numbers[which]) == len(integer(true))
    footer = before + b"".join(n + part for n, part in zip(numbers, parts, strict=True))
    return raw[:start] + footer


def facts_of(raw: bytes) -> Any:
    return parquet.ParquetFile(io.BytesIO(raw)).metadata


def bomb(size: int) -> bytes:
    """Text that is a thousand times as large as the file, whose footer says nothing of it."""
    raw = parquet_of(
        {"a": [1, 2], "y": ["x" * size, "z"]}, compression="zstd", write_statistics=False
    )
    lie = relabelled(raw, facts_of(raw).row_group(0).total_byte_size, 100)
    assert facts_of(lie).row_group(0).total_byte_size == 100
    return lie


def with_count(raw: bytes, offset: int, true: int, claimed: int) -> bytes:
    """The file with another number of values in the header of the page at the offset."""
    # The last of the header's structs begins with it.
    header = Reader(raw, offset, Budget(1000))
    header.read_struct()
    place = raw.index(b"\x15" + integer(true) + b"\x15", offset + 5, header.at)
    return raw[: place + 1] + integer(claimed) + raw[place + 1 + len(integer(true)) :]


def claims_gigabytes() -> bytes:
    """A page whose header says that it unpacks to as much as a header can say."""
    raw = parquet_of(
        {"a": [1, 2], "y": ["x" * 10_000, "z"]},
        compression="zstd",
        use_dictionary=False,
        write_statistics=False,
    )
    # A page of nothing but the two texts, each behind the four bytes of its length, and levels.
    chunk = facts_of(raw).row_group(0).column(1)
    size, start = chunk.total_compressed_size, chunk.data_page_offset
    head, page = raw[:start], raw[start:]
    true = next(integer(n) for n in range(10_000, 10_100) if integer(n) in page[:12])
    grown = head + page.replace(true, integer(GIGABYTES), 1)
    return relabelled(grown, size, size + len(grown) - len(raw))


def footer_of(described: bytes) -> bytes:
    return b"PAR1" + described + len(described).to_bytes(4, "little") + b"PAR1"


def huge_footer() -> bytes:
    """300,000 columns of three bytes each, which take a kilobyte each as objects."""
    count, columns = 300_000, b""
    while count:
        columns += bytes([count & 127 | (128 if count > 127 else 0)])
        count >>= 7
    columns = b"\xfc" + columns + b"\x26\x00\x00" * 300_000
    group = b"\x19" + columns + b"\x00"
    return footer_of(b"\x15\x02\x39\x1c" + group + b"\x00")


def test_a_footer_that_lies_about_the_unpacked_size_is_not_believed() -> None:
    reason, _ = refusal(PARQUET, bomb(100_000), task="classification")
    assert "unpacks to more than 20,000 bytes" in reason


def test_a_page_that_claims_gigabytes_is_refused() -> None:
    raw = claims_gigabytes()
    chunk = facts_of(raw).row_group(0).column(1)
    header = Reader(raw, chunk.data_page_offset, Budget(1000)).read_struct()
    assert header[2] == GIGABYTES  # the file is what it is meant to be
    assert "unpacks to more" in refusal(PARQUET, raw, task="classification")[0]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (huge_footer(), "too many parts"),
        # A list of a million row groups, of which none is there.
        (footer_of(b"\x15\x02\x39\xfc\xc0\x84\x3d"), "too many parts"),
        (footer_of(b"\x15\x02\x39\xac"), "footer cannot be read"),
        (footer_of(b"\x1c" * 10_000), "footer cannot be read"),
        (footer_of(b"\x18\xff\xff\xff\xff\x0f"), "footer cannot be read"),
        (footer_of(b"\x15" + b"\xff" * 20), "footer cannot be read"),
        (footer_of(b"\x1e\x00\x00"), "footer cannot be read"),
        (b"PAR1" + b"\xff\xff\xff\x7fPAR1", "does not end as one does"),
        (b"PARE" + bytes(50) + b"PARE", "encrypted"),
    ],
)
def test_a_footer_is_looked_at_before_objects_are_made_of_it(raw: bytes, reason: str) -> None:
    assert reason in refusal(PARQUET, raw)[0]


@pytest.mark.parametrize("use_dictionary", [True, False])
def test_a_page_that_claims_more_values_than_it_can_have_is_refused(
    *, use_dictionary: bool
) -> None:
    options = {"use_dictionary": use_dictionary, "write_statistics": False}
    raw = parquet_of({"a": [1, 2], "y": ["b", "c"]}, compression="none", **options)
    chunk = facts_of(raw).row_group(0).column(1)
    start = chunk.dictionary_page_offset if use_dictionary else chunk.data_page_offset
    lie = with_count(raw, start, 2, 60)
    reason, _ = refusal(PARQUET, lie, task="classification")
    assert ("dictionary" in reason) == use_dictionary
    assert "more values than" in reason


def deep_schema() -> bytes:
    """5,000 groups, one in the other."""
    group, leaf = b"\x35\x00\x18\x01g\x15\x02\x00", b"\x15\x0a\x25\x00\x18\x01x\x00"
    return footer_of(
        b"\x15\x02\x19\xfc" + b"\x89\x27" + group * 5_000 + leaf + b"\x16\x00\x19\x0c\x00"
    )


def test_a_deep_schema_is_refused() -> None:
    assert "deeply nested" in refusal(PARQUET, deep_schema())[0]


def test_rows_are_counted_where_they_are() -> None:
    raw = parquet_of({"a": [1] * 201, "y": [1] * 201}, write_statistics=False)
    lie = relabelled(raw, 201, 100)
    assert (facts_of(lie).num_rows, facts_of(lie).row_group(0).num_rows) == (100, 201)
    assert "201 rows" in refusal(PARQUET, lie)[0]


def test_a_column_has_as_many_values_as_rows() -> None:
    raw = parquet_of({"a": [1] * 150, "y": [1] * 150}, write_statistics=False)
    lie = relabelled(raw, 150, 8000, which=3)
    assert facts_of(lie).row_group(0).column(1).num_values == 8000
    assert "'y' has 8,000 values in 150 rows" in refusal(PARQUET, lie)[0]


def test_an_encoding_that_repeats_what_came_before_is_refused() -> None:
    """Of a text of a megabyte a thousand more may follow in a byte each."""
    encoding = {"a": "PLAIN", "y": "DELTA_BYTE_ARRAY"}
    columns = {"a": [1, 2], "y": ["ab", "abc"]}
    raw = parquet_of(columns, use_dictionary=False, column_encoding=encoding)
    assert "DELTA_BYTE_ARRAY" in refusal(PARQUET, raw, task="classification")[0]


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_both_kinds_of_pages_are_read(version: str) -> None:
    raw = parquet_of({"a": [1, 2], "y": [0.5, 1.5]}, data_page_version=version)
    assert prepared(PARQUET, raw).header.examples == 2


_READ = """
import sys
from pathlib import Path
from service.domain.errors import UploadRefused
from service.domain.limits import Limits
from service.uploads import PARQUET, Wanted, read

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

def tried(file):
    try:
        read(PARQUET, Path(file).read_bytes(), Wanted(task="classification", target="y"), Limits())
    except UploadRefused:
        return True
    return False

honest, *hostile = sys.argv[1:]
assert not tried(honest)
before = peak()
assert all(map(tried, hostile))
print(peak() - before)
"""


def test_hostile_files_take_no_memory_to_speak_of(tmp_path: Path) -> None:
    files = {
        "honest": parquet_of({"a": [1, 2], "y": ["a", "b"]}),
        "bomb": bomb(80_000_000),
        "claim": claims_gigabytes(),
        "footer": huge_footer(),
    }
    for name, raw in files.items():
        (tmp_path / name).write_bytes(raw)
    done = subprocess.run(
        [sys.executable, "-c", _READ, *(str(tmp_path / name) for name in files)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 32 * 1024, "kilobytes"
