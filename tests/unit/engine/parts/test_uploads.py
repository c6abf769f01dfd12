"""Uploaded data sets as training reads them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.domain.datasets import Upload
from service.domain.errors import InvalidData
from service.domain.limits import Limits
from service.uploads import CSV, Prepared, Wanted, read
from workers.training.uploads import read_upload

TEXT = b"a,y,b\n1,10,2\n3,9,4\n5,10,6\n"
NUMBERS = read(CSV, TEXT, Wanted(task="regression", target="y"), Limits())
CLASSES = read(CSV, TEXT, Wanted(task="classification", target="y"), Limits())


def declared(one: Prepared, **changes: Any) -> Upload:
    labels = one.header.labels
    sizes = {"examples": 3, "features": 2, "classes": labels and len(labels)}
    return Upload.model_validate({"name": "upload", "dataset_id": one.id} | sizes | changes)


def put(one: Prepared, folder: Path) -> Path:
    file = folder / "uploads" / one.id
    file.parent.mkdir()
    file.write_bytes(one.content)
    return file


def test_features_and_targets_are_those_of_the_file(tmp_path: Path) -> None:
    put(NUMBERS, tmp_path)
    features, targets = read_upload(declared(NUMBERS), tmp_path)
    assert features.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert targets.tolist() == [[10], [9], [10]]
    assert features.flags.c_contiguous
    assert targets.flags.writeable


def test_classes_are_their_numbers(tmp_path: Path) -> None:
    put(CLASSES, tmp_path)
    _, labels = read_upload(declared(CLASSES), tmp_path)
    assert labels.tolist() == [1, 0, 1]
    assert labels.dtype == np.dtype(np.int64)


@pytest.mark.parametrize(
    ("changes", "wrong"), [({"examples": 4}, "examples 4"), ({"classes": None}, "classes null")]
)
def test_other_sizes_than_declared_are_told(
    tmp_path: Path, changes: dict[str, Any], wrong: str
) -> None:
    put(CLASSES, tmp_path)
    with pytest.raises(InvalidData, match=f"has examples 3, .*declares {wrong}"):
        read_upload(declared(CLASSES, **changes), tmp_path)


def test_a_file_that_is_absent_or_spoilt_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="none was given"):
        read_upload(declared(NUMBERS), None)
    with pytest.raises(InvalidData, match="is not in the folder"):
        read_upload(declared(NUMBERS), tmp_path)
    put(NUMBERS, tmp_path).write_bytes(NUMBERS.content + b"\0")
    with pytest.raises(InvalidData, match="was changed"):
        read_upload(declared(NUMBERS), tmp_path)
