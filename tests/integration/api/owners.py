"""Keys for tests: who asks."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from fastapi import FastAPI

from service.db import Database, keys
from service.domain.access import ApiKey, Scope


def make_key(
    database: Database, name: str, *scopes: str, owner: str | None = None
) -> tuple[ApiKey, str]:
    """A key and its text; with the scopes read and write unless told otherwise."""
    wanted = [Scope(scope) for scope in scopes] or [Scope.READ, Scope.WRITE]
    with database.writing() as session:
        return keys.create(session, name=name, scopes=wanted, owner=owner)


@contextmanager
def signed_in(url: str, token: str) -> Iterator[httpx.Client]:
    """A client that shows this key."""
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        yield client


def notice_keys(app: FastAPI) -> None:
    """Lets the app see at once that there are keys now; by itself it looks every second."""
    app.state.doors.find_out(app.state.database)
