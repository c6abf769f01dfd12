"""CSV files: what they become, and what is refused with its reason."""

import pytest

from service.uploads import CSV
from tests.unit.uploads.files import LIMITS, matrix, of_csv, prepared, refusal

SMALL = "a,y,b\n1,2,3\n4.5,-6,7e2\n"


def test_the_target_stands_last_and_the_features_in_the_order_of_the_file() -> None:
    found = of_csv(SMALL)
    assert found.header.features == ["a", "b"]
    assert (found.header.target, found.header.labels) == ("y", None)
    assert matrix(found) == [[1, 3, 2], [4.5, 700, -6]]


@pytest.mark.parametrize(
    "text",
    [
        SMALL.replace("\n", "\r\n"),
        "\ufeff" + SMALL,
        SMALL.rstrip("\n"),
        SMALL + "\n\n",
        '"a","y",b\n"1","2","3"\n4.5,-6,700\n',
        "a , y,b\n 1,2 , 3\n4.5,-6,700.0\n",
    ],
)
def test_the_same_data_written_otherwise_are_the_same_data_set(text: str) -> None:
    assert of_csv(text).id == of_csv(SMALL).id


@pytest.mark.parametrize("text", [SMALL.replace("4.5", "4.6"), SMALL.replace("b", "c")])
def test_other_data_are_another_data_set(text: str) -> None:
    assert of_csv(text).id != of_csv(SMALL).id


def test_the_task_is_part_of_the_data_set() -> None:
    assert of_csv(SMALL).id != of_csv(SMALL, task="classification").id


def test_statistics_are_those_of_each_column() -> None:
    column = of_csv("a,y\n1,5\n2,5\n6,5\n").columns[0]
    assert (column.name, column.minimum, column.maximum, column.distinct) == ("a", 1, 6, 3)
    assert column.mean == pytest.approx(3, rel=1e-15)
    assert column.standard_deviation == pytest.approx((14 / 3) ** 0.5, rel=1e-15)


def test_statistics_of_huge_values_do_not_overflow() -> None:
    column = of_csv("a,y\n1e308,1\n-1e308,2\n").columns[0]
    assert (column.mean, column.standard_deviation) == (0, 1e308)


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        ("b,a,b", ["a", "b"]),
        ("10,9,1", ["1", "9", "10"]),
        ("1,1.0,2", ["1", "2"]),
        ("-1,+1,-1", ["-1", "1"]),
        ("10,9,x", ["10", "9", "x"]),
        ("grün,blå,grün", ["blå", "grün"]),
    ],
)
def test_classes_count_from_0_in_the_order_of_their_names(cells: str, labels: list[str]) -> None:
    rows = "".join(f"{i},{cell}\n" for i, cell in enumerate(cells.split(",")))
    found = of_csv("a,y\n" + rows, task="classification")
    assert found.header.labels == labels
    assert found.class_counts is not None
    assert [one.name for one in found.class_counts] == labels
    assert sum(one.examples for one in found.class_counts) == 3
    assert sorted({row[-1] for row in matrix(found)}) == list(range(len(labels)))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("\n\n", "one column"),
        ("y\n1\n2\n", "one column"),
        ("a;y\n1;2\n", "separated by commas"),
        ("a\ty\n1\t2\n", "separated by commas"),
        ("a,y\n", "0 rows"),
        ("a,y\n1,2\n", "1 rows"),
        ("a,y\n1,2\n3\n", "Line 3 has 1 fields, and the header 2"),
        ("a,y\n1,2\n3,4,5\n", "Line 3 has 3 fields"),
        ("a,a,y\n1,2,3\n4,5,6\n", "Two columns are called 'a'"),
        (",y\n1,2\n3,4\n", "name of column 1 is missing"),
        ("=cmd|' /C calc'!A0,y\n1,2\n3,4\n", "formula"),
        ("@SUM(A1),y\n1,2\n3,4\n", "formula"),
        ("a\x07b,y\n1,2\n3,4\n", "printable"),
        (f"{'a' * 201},y\n1,2\n3,4\n", "200 printable"),
        ("a,y\n1,2\n=1+1,4\n", "Line 3, column 'a': '=1+1' is no finite number"),
        ("a,y\n1,2\n,4\n", "Line 3, column 'a': the value is missing"),
        ("a,y\n1,2\nNaN,4\n", "'NaN' is no finite number"),
        ("a,y\n1,2\n-inf,4\n", "'-inf' is no finite number"),
        ("a,y\n1,2\n1e999,4\n", "'1e999' is no finite number"),
        ("a,y\n1,2\n1_000,4\n", "'1_000' is no finite number"),
        ("a,y\n1,2\n0x10,4\n", "'0x10' is no finite number"),
        ("a,y\n1,2\n3,high\n", "column 'y': 'high' is no finite number"),
        ('a,y\n1,"2\n', "Line 2: unexpected end of data"),
        ('a,y\n1,"2"3\n', "Line 2"),
        ("a,y\n1,\0\n", "zero bytes"),
        ("a,y\n" + "1,2\n" * 201, "201 rows; the limit here is 200"),
        (",".join("abcdefghijklmy") + "\n", "14 columns; the limit here is 12"),
        (",".join("abcdefghijky") + "\n" + "1,2,3,4,5,6,7,8,9,10,11,12\n" * 51, "612 values"),
        ("," * 9_000 + "\n", "too many columns"),
        ("a,y\n" + "," * 9_000 + "\n", "Line 2 has too many columns"),
        (f'a,y\n"{"1" * 140_000}",2\n', "field larger than field limit"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(text: str, reason: str) -> None:
    assert reason in refusal(CSV, text.encode())[0]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"a,y\n1,\xff2\n", "Byte 7 is not UTF-8"),
        ("a,y\n1,2\n".encode("utf-16"), "Byte 1 is not UTF-8"),
        ("a,y\n1,2\n".encode("utf-16-le"), "zero bytes"),
        ("größe,y\n1,2\n".encode("latin-1"), "Byte 3 is not UTF-8"),
        (b"PK\x03\x04" + bytes(100), "zero bytes"),
    ],
)
def test_other_encodings_are_told(raw: bytes, reason: str) -> None:
    assert reason in refusal(CSV, raw)[0]


def test_a_target_that_is_not_there_is_a_matter_of_the_parameter() -> None:
    detail, pointer = refusal(CSV, SMALL.encode(), target="z")
    assert pointer == "/query/target"
    assert "'a', 'y', 'b'" in detail


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (["a", "a"], "1 different values"),
        (["1", "1.0"], "one class"),
        (["a", ""], "the target is missing"),
        (["a", "nan"], "missing values"),
        (["a", "=cmd()"], "formula"),
        ([f"c{i}" for i in range(150)], ""),
    ],
)
def test_classes_that_are_none_are_refused(labels: list[str], reason: str) -> None:
    text = "a,y\n" + "".join(f"1,{label}\n" for label in labels)
    if reason:
        assert reason in refusal(CSV, text.encode(), task="classification")[0]
    else:
        assert len(of_csv(text, task="classification").class_counts or ()) == 150


def test_a_regression_target_asked_for_as_classes_is_told() -> None:
    limits = LIMITS.model_copy(update={"max_examples": 2000, "max_upload_values": 10_000})
    text = "a,y\n" + "".join(f"1,{i}.5\n" for i in range(1001))
    detail, pointer = refusal(CSV, text.encode(), task="classification", limits=limits)
    assert "1,001 different values" in detail
    assert pointer == "/query/task"
    assert prepared(CSV, text.encode(), limits=limits).class_counts is None
