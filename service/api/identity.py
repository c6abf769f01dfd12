"""Who asks, and, for an admin, who changed what."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from service.api import access_examples
from service.api.dependencies import AccessDep, DatabaseDep
from service.api.openapi import answer_with, problems
from service.api.pagination import decode_cursor, encode_cursor
from service.db import audit, keys
from service.db.audit import ChangeFilter
from service.domain.access import ApiKey, Scope
from service.domain.audit import Change

router = APIRouter(prefix="/v1", tags=["access"])


class Caller(BaseModel):
    """In whose name a request is made."""

    owner: str
    scopes: list[Scope]
    key: ApiKey | None = Field(description="null where no key is needed")


@router.get(
    "/whoami", responses={HTTPStatus.OK: answer_with(access_examples.IDENTITY), **problems()}
)
def read_identity(access: AccessDep, database: DatabaseDep) -> Caller:
    """Read what the key that is sent stands for."""
    key = None
    if access.key_id is not None:
        with database.reading() as session:
            key = keys.find(session, access.key_id)
    return Caller(owner=access.owner, scopes=sorted(access.scopes), key=key)


class ChangeQuery(BaseModel):
    """Which changes to list, and which page of them."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=200, description="Changes a page")] = 50
    cursor: Annotated[
        str | None, Field(max_length=500, description="`next_cursor` of the page before")
    ] = None
    owner: Annotated[str | None, Field(max_length=40, description="In whose name")] = None
    key_id: Annotated[str | None, Field(pattern="^key_[0-9a-f]{32}$")] = None


class ChangePage(BaseModel):
    """Changes, newest first."""

    data: list[Change]
    next_cursor: Annotated[
        str | None, Field(description="For `cursor` of the next page; null on the last")
    ]


@router.get(
    "/audit", responses={HTTPStatus.OK: answer_with(access_examples.CHANGE_PAGE), **problems()}
)
def list_changes(query: Annotated[ChangeQuery, Query()], database: DatabaseDep) -> ChangePage:
    """List who changed what, newest first. Only for admins."""
    wanted = ChangeFilter(owner=query.owner, key_id=query.key_id)
    before = decode_cursor(query.cursor, wanted, "aud")
    with database.reading() as session:
        found = audit.list_newest_first(session, wanted, before_id=before, limit=query.limit + 1)
    page, rest = found[: query.limit], found[query.limit :]
    return ChangePage(data=page, next_cursor=encode_cursor(page[-1].id, wanted) if rest else None)
