"""Uploaded data sets, from the database into files that a training process can read."""

import os
from collections.abc import Iterable
from pathlib import Path
from tempfile import NamedTemporaryFile

from service.db import Database, datasets
from service.domain.datasets import Dataset, Upload
from service.domain.uploads import dataset_id


class UploadCache:
    """The folder may be emptied at any time between two cohorts: what is missing comes again."""

    def __init__(self, database: Database, data_home: Path) -> None:
        self._database = database
        self._folder = data_home / "uploads"

    def provide(self, wanted: Iterable[Dataset]) -> None:
        """Sees to it that the files of the uploaded ones among these are there and unharmed."""
        for one in {data.dataset_id for data in wanted if isinstance(data, Upload)}:
            if not self._has(one):
                with self._database.reading() as session:
                    content = datasets.read_content(session, one)
                self._write(self._folder / one, content)

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
