"""Parquet files: what they become, and what is refused with its reason."""

import io
from typing import Any

import pytest

from service.domain.losses import Task
from service.uploads import PARQUET
from tests.unit.uploads.files import matrix, of_csv, prepared, refusal

pyarrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
parquet = pytest.importorskip("pyarrow.parquet")


def parquet_of(columns: dict[str, Any], **options: Any) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), file, **options)
    return file.getvalue()


def test_the_same_data_as_csv_are_the_same_data_set() -> None:
    raw = parquet_of({"a": [1, 4], "y": [2.5, -6.0], "b": [True, False]}, row_group_size=1)
    assert matrix(prepared(PARQUET, raw)) == [[1, 1, 2.5], [4, 0, -6]]
    assert prepared(PARQUET, raw).id == of_csv("a,y,b\n1,2.5,1\n4,-6,0\n").id


@pytest.mark.parametrize("kind", ["string", "large_string", "dictionary"])
def test_classes_may_be_text(kind: str) -> None:
    text = pyarrow.array(["b", "a", "b"])
    text = text.dictionary_encode() if kind == "dictionary" else text.cast(kind)
    raw = parquet_of({"a": [1, 2, 3], "y": text}, row_group_size=2)
    found = prepared(PARQUET, raw, task="classification")
    assert found.header.labels == ["a", "b"]
    assert found.id == of_csv("a,y\n1,b\n2,a\n3,b\n", task="classification").id
    assert refusal(PARQUET, raw)[1] == "/query/task"


@pytest.mark.parametrize("kind", ["int8", "uint16", "int64", "float32", "float16"])
def test_every_kind_of_number_is_read(kind: str) -> None:
    raw = parquet_of({"a": pyarrow.array([1, 2, 3]).cast(kind), "y": [1, 0, 1]})
    assert [row[0] for row in matrix(prepared(PARQUET, raw))] == [1, 2, 3]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"a": [1, None, 3], "y": [1, 2, 3]}, "'a' has 1 missing values"),
        ({"a": [1, 2, 3], "y": [1, None, 3]}, "'y' has 1 missing values"),
        ({"a": [1.0, float("nan"), 3.0], "y": [1, 2, 3]}, "row 2: nan"),
        ({"a": ["1", "2", "3"], "y": [1, 2, 3]}, "'a' is of type"),
        ({"a": [[1], [2], [3]], "y": [1, 2, 3]}, "'a' is of type list"),
        ({"a": [{"b": 1}] * 3, "y": [1, 2, 3]}, "'a' is of type struct"),
        ({"a": [b"1", b"2", b"3"], "y": [1, 2, 3]}, "'a' is of type"),
        ({"y": [1, 2, 3]}, "one column"),
        ({"a": [], "y": []}, "rows of values"),
        ({"=cmd()": [1, 2], "y": [1, 2]}, "formula"),
        ({f"c{i}": [1, 2] for i in range(12)} | {"y": [1, 2]}, "13 columns"),
        ({"a": [1] * 201, "y": [1] * 201}, "201 rows"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(columns: dict[str, Any], reason: str) -> None:
    if not columns.get("a", [0]):
        columns = {name: pyarrow.array([], pyarrow.float64()) for name in columns}
    assert reason in refusal(PARQUET, parquet_of(columns))[0]


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize(
    "columns",
    [
        {"a": [1, 2, 3], "y": ["é", "b", "é"]},
        {"a": [1, 2, 3], "y": pyarrow.array(["é", "b", "é"]).dictionary_encode()},
        {"é": [1, 2, 3], "y": ["a", "b", "a"]},
    ],
)
def test_text_and_names_that_are_no_utf8_are_refused(columns: dict[str, Any], task: Task) -> None:
    raw = parquet_of(columns, store_schema=False).replace("é".encode(), b"\xff\xfe")
    reason, pointer = refusal(PARQUET, raw, task=task)
    assert ("not UTF-8" in reason) or (task, pointer) == ("regression", "/query/task")


def test_more_than_it_may_unpack_to_is_told_before_it_is_unpacked() -> None:
    raw = parquet_of({"a": [1, 2], "y": ["x" * 100_000, "z"]}, compression="zstd")
    assert len(raw) < 20_000
    assert "unpacks to" in refusal(PARQUET, raw, task="classification")[0]


def test_two_columns_of_one_name_are_refused() -> None:
    file = io.BytesIO()
    twins = pyarrow.Table.from_arrays([pyarrow.array([1, 2])] * 3, names=["a", "a", "y"])
    parquet.write_table(twins, file)
    assert "Two columns" in refusal(PARQUET, file.getvalue())[0]


def test_a_target_that_is_not_there_is_a_matter_of_the_parameter() -> None:
    assert refusal(PARQUET, parquet_of({"a": [1, 2], "b": [1, 2]}))[1] == "/query/target"


@pytest.mark.parametrize("cut", [0, 4, 50])
def test_what_is_no_parquet_is_refused(cut: int) -> None:
    raw = parquet_of({"a": [1, 2], "y": [1, 2]})
    for broken in (raw[: len(raw) - cut - 1], b"PAR1" + bytes(100) + b"PAR1", b"a,y\n1,2\n"):
        assert "no Parquet" in refusal(PARQUET, broken)[0]
