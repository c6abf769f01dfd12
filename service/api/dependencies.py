"""What endpoints ask for in their signatures."""

from typing import Annotated, cast

from fastapi import Depends, Header, Path, Query, Request

from service.api.posts import Posts
from service.api.watching import Watches
from service.artifacts import Store
from service.db import Database, datasets
from service.db.audit import Actor
from service.db.posting import Origin
from service.domain.access import Access
from service.domain.base import JsonObject
from service.domain.datasets import FindSizes
from service.domain.errors import DatasetNotFound, JobNotFound, StudyNotFound, SweepNotFound
from service.domain.ids import is_id
from service.observability import tracing
from service.settings import Settings


def settings_of(request: Request) -> Settings:
    return cast(Settings, request.app.state.settings)


def access_of(request: Request) -> Access:
    return cast(Access, request.state.access)


def posts_of(request: Request) -> Posts:
    return cast(Posts, request.app.state.posts)


def watches_of(request: Request) -> Watches:
    return cast(Watches, request.app.state.watches)


def database_of(request: Request) -> Database:
    """As the owner of the request's key sees it."""
    database = cast(Database, request.app.state.database)
    access: Access | None = getattr(request.state, "access", None)
    if access is None:  # a path that is open to everybody, such as /readyz
        return database
    origin = Origin(request_id=request.state.request_id, traceparent=tracing.traceparent())
    if access.key_id is None:  # nobody whom the audit log could name
        return database.seen_by(access.sees, origin=origin)
    actor = Actor(
        owner=access.owner,
        key_id=access.key_id,
        method=request.method,
        path=request.scope["path"],
        request_id=request.state.request_id,
    )
    return database.seen_by(access.sees, actor, origin)


def size_finder(database: Database) -> FindSizes:
    """Looks an uploaded data set up. Asks the database: not for the event loop."""

    def find(dataset_id: str) -> JsonObject | None:
        with database.reading() as session:
            return datasets.find_sizes(session, dataset_id)

    return find


def store_of(request: Request) -> Store:
    return cast(Store, request.app.state.store)


# Coroutines, so that FastAPI does not send these one-liners through the thread pool.
async def _settings(request: Request) -> Settings:
    return settings_of(request)


async def _watches(request: Request) -> Watches:
    return watches_of(request)


async def _access(request: Request) -> Access:
    return access_of(request)


async def _database(request: Request) -> Database:
    return database_of(request)


async def _store(request: Request) -> Store:
    return store_of(request)


_JOB_ID = Path(description="Id of a job", examples=["job_019ab3c0f3e07d1fa3b5c1d2e3f40516"])


async def _job_id(job_id: Annotated[str, _JOB_ID]) -> str:
    # What has not even the form of an id is not worth asking the database for.
    if not is_id(job_id, "job"):
        raise JobNotFound(job_id)
    return job_id


_SWEEP_ID = Path(description="Id of a sweep", examples=["swp_019ab3c0f3e07d1fa3b5c1d2e3f40516"])


async def _sweep_id(sweep_id: Annotated[str, _SWEEP_ID]) -> str:
    if not is_id(sweep_id, "swp"):
        raise SweepNotFound(sweep_id)
    return sweep_id


_STUDY_ID = Path(description="Id of a study", examples=["std_019ab3c0f3e07d1fa3b5c1d2e3f40516"])


async def _study_id(study_id: Annotated[str, _STUDY_ID]) -> str:
    if not is_id(study_id, "std"):
        raise StudyNotFound(study_id)
    return study_id


_DATASET_ID = Path(
    description="Id of an uploaded data set", examples=["dat_5f0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e"]
)


async def _dataset_id(dataset_id: Annotated[str, _DATASET_ID]) -> str:
    if not is_id(dataset_id, "dat"):
        raise DatasetNotFound(dataset_id)
    return dataset_id


SettingsDep = Annotated[Settings, Depends(_settings)]
DatabaseDep = Annotated[Database, Depends(_database)]
"""The database as the owner of the request's key sees it."""
WatchesDep = Annotated[Watches, Depends(_watches)]
"""By which streams and long polls hear of changes."""
StoreDep = Annotated[Store, Depends(_store)]
"""Where bytes lie that the database only names."""
AccessDep = Annotated[Access, Depends(_access)]
"""In whose name the request is made."""


async def _find_sizes(database: DatabaseDep) -> FindSizes:
    return size_finder(database)


FindSizesDep = Annotated[FindSizes, Depends(_find_sizes)]
"""Looks an uploaded data set up. Asks the database: not for the event loop."""
JobId = Annotated[str, Depends(_job_id)]
SweepId = Annotated[str, Depends(_sweep_id)]
StudyId = Annotated[str, Depends(_study_id)]
DatasetId = Annotated[str, Depends(_dataset_id)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern="^[ -~]*$",
        description="Any text of your own. The same key and body again: the same resource.",
    ),
]
Priority = Annotated[
    int,
    Query(ge=-100, le=100, description="Higher goes first among queued jobs; no spec's part"),
]
