"""Uploaded data sets, from the files that the worker put into the folder of data."""

from pathlib import Path

import numpy as np

from service.domain.datasets import Upload
from service.domain.errors import InvalidData
from service.domain.uploads import Header, dataset_id
from workers.training.openml import Examples, agree


def read_upload(dataset: Upload, data_home: Path | None) -> Examples:
    """Features [N, F] and targets of the file `uploads/<dataset_id>`. Raises InvalidData where it
    is not there, not what its name says, or not what the spec declares."""
    subject = f"The uploaded data set {dataset.dataset_id}"
    if data_home is None:
        raise InvalidData(f"{subject} needs a folder of data sets, and none was given.")
    try:
        content = (data_home / "uploads" / dataset.dataset_id).read_bytes()
    except FileNotFoundError:
        raise InvalidData(f"{subject} is not in the folder of data sets.") from None
    if dataset_id(content) != dataset.dataset_id:
        raise InvalidData(f"{subject} was changed in the folder of data sets.")
    header, matrix = Header.unpack(content)
    width = len(header.features) + 1
    values = np.frombuffer(matrix, "<f8").astype(np.float64).reshape(header.examples, width)
    features, targets = np.ascontiguousarray(values[:, :-1]), values[:, -1:]
    agree(dataset, subject, features, None if header.labels is None else len(header.labels))
    if header.labels is None:
        return features, np.ascontiguousarray(targets)
    return features, targets[:, 0].astype(np.int64)
