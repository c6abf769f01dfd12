"""Uploaded data sets, from where they are kept into files that a training process can read."""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile

from service.db import datasets
from service.domain.datasets import Dataset, Upload
from service.domain.uploads import dataset_id
from workers.shelf import Shelf

# A file that was asked for so lately may be about to be read, by another slot or worker too.
_SPARED_S = 600.0


class UploadCache:
    """The folder may be emptied at any time between two cohorts: what is missing comes again.
    Over `most_bytes` the files go that were not asked for the longest."""

    def __init__(self, shelf: Shelf, data_home: Path, *, most_bytes: int) -> None:
        self._shelf, self._most_bytes = shelf, most_bytes
        self._folder = data_home / "uploads"

    def provide(self, wanted: Iterable[Dataset]) -> None:
        """Sees to it that the files of the uploaded ones among these are there and unharmed.
        Raises StoreUnavailable, ArtifactLost."""
        ids = {data.dataset_id for data in wanted if isinstance(data, Upload)}
        for one in ids:
            if not self._has(one):
                look = partial(datasets.read_content, dataset_id=one)
                # Whoever reads the row raises where there is none.
                self._write(self._folder / one, self._shelf.fetch(look) or b"")
            # The time of change is that of the last use: file systems may not keep the other.
            with suppress(FileNotFoundError):
                os.utime(self._folder / one)
        if ids:
            self._make_room()

    def _has(self, wanted: str) -> bool:
        try:
            return dataset_id((self._folder / wanted).read_bytes()) == wanted
        except FileNotFoundError:
            return False

    def _write(self, file: Path, content: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        # Whole or not at all: other slots and workers may read it already.
        with NamedTemporaryFile(dir=self._folder, delete=False) as part:
            part.write(content)
        os.replace(part.name, file)

    def _make_room(self) -> None:
        found = []
        for file in self._folder.iterdir():
            with suppress(FileNotFoundError):  # another worker makes room, too
                about = file.stat()
                found.append((about.st_mtime, about.st_size, file))
        over = sum(size for _, size, _ in found) - self._most_bytes
        spared_since = time.time() - _SPARED_S
        for used_at, size, file in sorted(found):
            if over <= 0 or used_at > spared_since:
                return
            file.unlink(missing_ok=True)
            over -= size
