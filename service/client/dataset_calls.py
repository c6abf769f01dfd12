"""What can be asked about data sets of your own."""

from pathlib import Path
from typing import Literal

from service.client import calls
from service.client.calls import Call, Page
from service.domain.losses import Task
from service.domain.uploads import Preview, UploadedDataset, UploadSummary

Form = Literal["csv", "parquet", "npz"]

_DATASETS = calls.at("v1", "datasets")
_MEDIA_TYPES: dict[Form, str] = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "npz": "application/x-npz",
}


def upload(
    source: str | Path | bytes,
    *,
    task: Task,
    target: str,
    name: str | None = None,
    form: Form | None = None,
) -> Call[UploadedDataset]:
    """Uploads a file, by its path or its content; without `form` its first bytes tell what it is.
    The same data again are the data set that they were before, whatever file they came in. Raises
    OSError for a path that cannot be read."""
    content = source if isinstance(source, bytes) else Path(source).read_bytes()
    return Call(
        method="POST",
        path=_DATASETS,
        query=calls.as_query({"task": task, "target": target, "name": name}),
        headers={"Content-Type": _MEDIA_TYPES[form or _form_of(content)]},
        body=content,
        read=calls.as_model(UploadedDataset),
    )


def _form_of(content: bytes) -> Form:
    if content.startswith(b"PK"):
        return "npz"
    return "parquet" if content.startswith(b"PAR1") else "csv"


def get(dataset_id: str) -> Call[UploadedDataset]:
    """What is known of the data set, with statistics of its columns."""
    return calls.get(_dataset(dataset_id), UploadedDataset)


def preview(dataset_id: str, *, rows: int | None = None) -> Call[Preview]:
    """Its first examples: 10, or as many as asked for up to 100, with at most 50 columns."""
    return calls.get(_dataset(dataset_id, "preview"), Preview, rows=rows)


def list_all(
    *, name: str | None = None, task: Task | None = None, page_size: int = 50
) -> Call[Page[UploadSummary]]:
    """All data sets that match, newest first, page after page as they are asked for."""
    return calls.get(_DATASETS, Page[UploadSummary], name=name, task=task, limit=page_size)


def delete(dataset_id: str) -> Call[None]:
    """Deletes it. Raises MoveRefused where a job uses it."""
    return Call(method="DELETE", path=_dataset(dataset_id), read=calls.nothing)


def _dataset(dataset_id: str, *parts: str) -> str:
    return calls.at("v1", "datasets", dataset_id, *parts)
