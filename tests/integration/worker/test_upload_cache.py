"""The files of uploaded data sets: which of them stay."""

import os
import struct
import threading
import time
from pathlib import Path

import pytest

from service.db import Database, datasets
from service.domain.base import JsonObject
from service.domain.datasets import Upload
from service.domain.uploads import Header, dataset_id
from workers.shelf import Shelf
from workers.uploads import UploadCache

EXAMPLES = 1000
LONG_AGO_S = 3600.0


def upload(database: Database, number: int) -> Upload:
    """A data set of 16 kB, stored."""
    header = Header(examples=EXAMPLES, features=["x"], target="y", labels=None)
    content = header.pack(struct.pack(f"<{2 * EXAMPLES}d", *range(number, number + 2 * EXAMPLES)))
    row: JsonObject = {
        "id": dataset_id(content),
        "name": None,
        "task": "regression",
        "target": "y",
        "examples": EXAMPLES,
        "features": 1,
        "classes": None,
        "stored_bytes": len(content),
        "columns": [],
        "class_counts": None,
    }
    with database.writing() as session:
        datasets.store(session, row, content)
    return Upload(name="upload", dataset_id=row["id"], examples=EXAMPLES, features=1, classes=None)


def shelf(database: Database) -> Shelf:
    return Shelf(database, "", threading.Event())


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is tested here are files."""
    return sqlite_url


def test_the_least_lately_used_file_makes_room(database: Database, tmp_path: Path) -> None:
    cache = UploadCache(shelf(database), tmp_path, most_bytes=40_000)
    old, used, new = (upload(database, number) for number in range(3))
    cache.provide([old, used])
    long_ago = time.time() - LONG_AGO_S
    for one in (old, used):
        os.utime(tmp_path / "uploads" / one.dataset_id, (long_ago, long_ago))
    cache.provide([used])
    cache.provide([new])
    left = {file.name for file in (tmp_path / "uploads").iterdir()}
    assert left == {used.dataset_id, new.dataset_id}


def test_what_was_asked_for_lately_stays_whatever_it_takes(
    database: Database, tmp_path: Path
) -> None:
    cache = UploadCache(shelf(database), tmp_path, most_bytes=0)
    both = [upload(database, number) for number in range(2)]
    for one in both:
        cache.provide([one])
    left = {file.name for file in (tmp_path / "uploads").iterdir()}
    assert left == {one.dataset_id for one in both}
