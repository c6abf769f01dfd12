"""Lists in pages, newest first, and cursors: where a list goes on. Opaque to clients, and bound to
the filters they came from."""

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from service.api.errors import invalid
from service.db import Session
from service.db.audit import ChangeFilter
from service.db.datasets import DatasetFilter
from service.db.jobs import JobFilter
from service.db.studies import StudyFilter
from service.db.sweeps import SweepFilter
from service.domain.ids import Prefix, is_id

Filter = JobFilter | SweepFilter | StudyFilter | DatasetFilter | ChangeFilter

_POINTER = "/query/cursor"


class PageQuery(BaseModel):
    """Which page of a list; a list's own query adds its filters."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=200, description="Most items of a page")] = 50
    cursor: Annotated[
        str | None, Field(max_length=500, description="`next_cursor` of the page before")
    ] = None


NextCursor = Annotated[
    str | None, Field(description="For `cursor` of the next page; null on the last")
]


class Listed(Protocol):
    """What stands in a list."""

    @property
    def id(self) -> str: ...


Item = TypeVar("Item", bound=Listed)


def read_page(
    session: Session,
    find: Callable[..., Sequence[Item]],
    wanted: Filter,
    query: PageQuery,
    kind: Prefix,
) -> tuple[list[Item], str | None]:
    """The items of the page, and the cursor of the next one; `find` lists the newest first, below
    `before_id`. Raises ApiError where the cursor is not one of this list's."""
    before = decode_cursor(query.cursor, wanted, kind)
    # One more than asked for tells whether there is a next page.
    found = find(session, wanted, before_id=before, limit=query.limit + 1)
    page, rest = list(found[: query.limit]), found[query.limit :]
    return page, encode_cursor(page[-1].id, wanted) if rest else None


def encode_cursor(last_id: str, wanted: Filter) -> str:
    """A cursor for what comes after the resource `last_id`."""
    text = json.dumps([last_id, _digest(wanted)])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None, wanted: Filter, kind: Prefix) -> str | None:
    """The id of the last resource before the page. Raises ApiError."""
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        last_id, digest = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        is_cursor = is_id(last_id, kind)
    # Whatever else a client sends: no base64, no UTF-8, no JSON, no pair, no string in it.
    except (ValueError, TypeError, AttributeError, RecursionError):
        is_cursor = False
    if not is_cursor:
        raise invalid(
            _POINTER, "is no cursor; take next_cursor of the page before, or leave it out"
        )
    if digest != _digest(wanted):
        raise invalid(
            _POINTER, "belongs to a list with other filters; start again without a cursor"
        )
    return str(last_id)


def _digest(wanted: Filter) -> str:
    return hashlib.sha256(json.dumps(vars(wanted)).encode()).hexdigest()[:16]
