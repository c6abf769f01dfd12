"""A store of each kind, with a look behind its back."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.artifacts import Store
from tests.servers import S3


@dataclass(frozen=True)
class Place:
    """A store, and what somebody else may do to it."""

    store: Store
    urls: Callable[[], list[str]]
    overwrite: Callable[[str, bytes], None]
    delete: Callable[[str], None]


def in_files(folder: Path) -> Place:
    def path(url: str) -> Path:
        return Path(url.removeprefix("file://"))

    return Place(
        store=Store(f"file://{folder}"),
        urls=lambda: sorted(f"file://{one}" for one in folder.rglob("*") if one.is_file()),
        overwrite=lambda url, content: (path(url).write_bytes(content), None)[1],
        delete=lambda url: path(url).unlink(),
    )


@pytest.fixture(params=["file", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "file":
        return in_files(tmp_path / "objects")
    s3: S3 = request.getfixturevalue("s3")
    return Place(store=Store(s3.url), urls=s3.urls, overwrite=s3.overwrite, delete=s3.delete)


@pytest.fixture
def files(tmp_path: Path) -> Place:
    """Where the kind of store does not matter."""
    return in_files(tmp_path / "objects")
