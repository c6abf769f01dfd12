"""The newest release, as the changelog names it: what a new schema has to serve as well."""

import io
import os
import re
import subprocess
import tarfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

_HEADING = re.compile(r"^## (\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d), ([0-9a-f]{7,40}), schema (\w+)\)$")


@dataclass(frozen=True)
class Release:
    """A version, the commit that it was made from, and the newest migration in it."""

    version: str
    date: str
    commit: str
    schema: str


@cache
def releases() -> list[Release]:
    """All of them, newest first."""
    lines = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    return [Release(*found.groups()) for line in lines if (found := _HEADING.match(line))]


def unpack(release: Release, folder: Path) -> None:
    """Puts the code of the release into the folder, out of this repository's history."""
    archive = subprocess.run(
        ["git", "archive", release.commit, "service", "workers", "migrations"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if archive.returncode != 0:
        message = (
            f"THE COMMIT {release.commit} OF RELEASE {release.version} IS NOT HERE: "
            "`git fetch --unshallow` brings it"
        )
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as content:
        content.extractall(folder, filter="data")
