"""Who asks, and, for an admin, who changed what."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from service.api.dependencies import AccessDep, DatabaseDep
from service.api.examples import access as access_examples
from service.api.openapi import answer_with, problems
from service.api.pagination import NextCursor, PageQuery, read_page
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


class ChangeQuery(PageQuery):
    """Which changes to list, and which page of them."""

    owner: Annotated[str | None, Field(max_length=40, description="In whose name")] = None
    key_id: Annotated[str | None, Field(pattern="^key_[0-9a-f]{32}$")] = None


class ChangePage(BaseModel):
    """Changes, newest first."""

    data: list[Change]
    next_cursor: NextCursor


@router.get(
    "/audit", responses={HTTPStatus.OK: answer_with(access_examples.CHANGE_PAGE), **problems()}
)
def list_changes(query: Annotated[ChangeQuery, Query()], database: DatabaseDep) -> ChangePage:
    """List who changed what, newest first. Only for admins."""
    wanted = ChangeFilter(owner=query.owner, key_id=query.key_id)
    with database.reading() as session:
        data, following = read_page(session, audit.list_newest_first, wanted, query, "aud")
    return ChangePage(data=data, next_cursor=following)
