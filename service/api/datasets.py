"""Data sets of users' own: upload, list, read, delete."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from service.api.body import read_bytes
from service.api.dependencies import AccessDep, DatabaseDep, DatasetId, SettingsDep, StoreDep
from service.api.errors import ApiError, invalid
from service.api.examples import datasets as dataset_examples
from service.api.openapi import DATASET_LINKS, LOCATION, UPLOAD_BODY, answer_with, problems
from service.api.pagination import NextCursor, PageQuery, read_page
from service.artifacts import Store, put
from service.artifacts import read as read_artifact
from service.db import Database, datasets
from service.db.datasets import DatasetFilter
from service.domain.artifacts import Artifact, Content
from service.domain.base import Name
from service.domain.errors import ArtifactLost, DatasetNotFound
from service.domain.losses import Task
from service.domain.uploads import (
    LONGEST_NAME,
    Preview,
    UploadedDataset,
    UploadSummary,
    preview,
)
from service.uploads import FORMS, NPZ, PARQUET, Prepared, Wanted, read

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])

_ALIASES = {
    "application/zip": NPZ,
    "application/x-parquet": PARQUET,
}

_PREVIEWED_COLUMNS = 50


class DatasetQuery(PageQuery):
    """Which data sets to list, and which page of them."""

    name: Annotated[Name | None, Field(description="Exactly this name")] = None
    task: Task | None = None


class DatasetPage(BaseModel):
    """Data sets, newest first."""

    data: list[UploadSummary]
    next_cursor: NextCursor


async def _read_file(request: Request, settings: SettingsDep) -> tuple[str, bytes]:
    """Media type and content of the body."""
    written = request.headers.get("content-type", "")
    kind = written.partition(";")[0].strip().lower()
    form = _ALIASES.get(kind, kind)
    if form not in FORMS:
        raise ApiError(
            "unsupported_media_type",
            f"Content-Type is {written or 'missing'}; send one of {', '.join(FORMS)}.",
        )
    return form, await read_bytes(request, settings.limits.max_upload_bytes)


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    openapi_extra=UPLOAD_BODY,
    responses={
        HTTPStatus.CREATED: answer_with(dataset_examples.DATASET, LOCATION, DATASET_LINKS),
        HTTPStatus.OK: {
            "description": "The same data were uploaded before",
            "model": UploadedDataset,
            **answer_with(dataset_examples.DATASET, LOCATION, DATASET_LINKS),
        },
        **problems(
            "body_too_large",
            "request_timeout",
            "unsupported_media_type",
            "invalid_dataset",
            "artifacts_unavailable",
        ),
    },
)
def upload_dataset(
    *,
    file: Annotated[tuple[str, bytes], Depends(_read_file)],
    task: Annotated[Task, Query(description="What is to be learned")],
    target: Annotated[
        str,
        Query(
            min_length=1,
            max_length=LONGEST_NAME,
            description="The column to predict; in an NPZ the array, beside the features in `X`",
            examples=["kind"],
        ),
    ],
    name: Annotated[Name | None, Query(description="A name of your own")] = None,
    settings: SettingsDep,
    database: DatabaseDep,
    store: StoreDep,
    access: AccessDep,
    response: Response,
) -> UploadedDataset:
    """Upload a data set. Every feature must be a finite number, and nothing may be missing. The
    same data again, in whatever form, are the data set that they were before (200)."""
    form, raw = file
    prepared = read(form, raw, Wanted(task=task, target=target), settings.limits)
    content, instead_of = _keep(database, store, prepared)
    with database.writing() as session:
        stored, is_new = datasets.store(
            session, _row(prepared, name), content, owner=access.owner, instead_of=instead_of
        )
    response.headers["Location"] = f"/v1/datasets/{stored.id}"
    response.status_code = HTTPStatus.CREATED if is_new else HTTPStatus.OK
    return stored


def _keep(database: Database, store: Store, prepared: Prepared) -> tuple[Content, Artifact | None]:
    """The content for the row: as an object where there is a store, and none yet that has the
    same; and the one that should have it, but is lost."""
    if not store.takes_objects:
        return prepared.content, None
    lost: Artifact | None = None
    try:
        with database.reading() as session:
            present = datasets.read_content(session, prepared.id)
        if isinstance(present, Artifact):
            lost = present
            store.read(present)
        # Should its last owner delete it in this moment, the row is made anew with the bytes.
        return prepared.content, None
    except (DatasetNotFound, ArtifactLost):
        place = f"datasets/{prepared.id}"
        return put(database, store, {place: prepared.content})[place], lost


def _row(prepared: Prepared, name: str | None) -> dict[str, object]:
    counts = prepared.class_counts
    return {
        "id": prepared.id,
        "name": name,
        "task": prepared.task,
        "target": prepared.header.target,
        "examples": prepared.header.examples,
        "features": len(prepared.header.features),
        "classes": None if counts is None else len(counts),
        "stored_bytes": len(prepared.content),
        "columns": [one.model_dump() for one in prepared.columns],
        "class_counts": None if counts is None else [one.model_dump() for one in counts],
    }


@router.get("", responses={HTTPStatus.OK: answer_with(dataset_examples.DATASET_PAGE), **problems()})
def list_datasets(query: Annotated[DatasetQuery, Query()], database: DatabaseDep) -> DatasetPage:
    """List uploaded data sets, newest first."""
    wanted = DatasetFilter(**query.model_dump(exclude={"limit", "cursor"}))
    with database.reading() as session:
        try:
            data, following = read_page(session, datasets.list_newest_first, wanted, query, "dat")
        except DatasetNotFound:
            raise invalid(
                "/query/cursor", "the data set it stands at is gone; start again without a cursor"
            ) from None
    return DatasetPage(data=data, next_cursor=following)


@router.get(
    "/{dataset_id}",
    responses={
        HTTPStatus.OK: answer_with(dataset_examples.DATASET, links=DATASET_LINKS),
        **problems("dataset_not_found"),
    },
)
def read_dataset(dataset_id: DatasetId, database: DatabaseDep) -> UploadedDataset:
    """Read what is known about an uploaded data set, with statistics of its columns."""
    with database.reading() as session:
        return datasets.find(session, dataset_id)


@router.get(
    "/{dataset_id}/preview",
    responses={
        HTTPStatus.OK: answer_with(dataset_examples.PREVIEW),
        **problems("dataset_not_found", "artifact_lost", "artifacts_unavailable"),
    },
)
def preview_dataset(
    dataset_id: DatasetId,
    database: DatabaseDep,
    store: StoreDep,
    rows: Annotated[int, Query(ge=1, le=100, description="At most so many examples")] = 10,
) -> Preview:
    """Read the first examples of an uploaded data set, with at most 50 of its columns."""
    with database.reading() as session:
        # The content is everybody's who trains on it; whether the client has it is asked here.
        datasets.find(session, dataset_id)
    content = read_artifact(database, store, lambda one: datasets.read_content(one, dataset_id))
    if content is None:
        raise DatasetNotFound(dataset_id)
    return preview(dataset_id, content, most_rows=rows, most_columns=_PREVIEWED_COLUMNS)


@router.delete(
    "/{dataset_id}",
    status_code=HTTPStatus.NO_CONTENT,
    responses={
        HTTPStatus.NO_CONTENT: {"description": "The data set is gone"},
        **problems("dataset_not_found", "move_refused"),
    },
)
def delete_dataset(dataset_id: DatasetId, database: DatabaseDep) -> None:
    """Delete an uploaded data set that no job uses."""
    with database.writing() as session:
        datasets.remove(session, dataset_id)
