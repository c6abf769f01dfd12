"""Posts that come while others are being stored are stored together, see `service.db.together`.

Nothing is delayed on purpose: a post that comes alone is stored at once, and a group is as large
as the load makes it.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool

from service.db import Database, Session
from service.db.together import Write

T = TypeVar("T")

# The first of a group waits for the last one.
_MOST = 64


class Posts:
    """One per application. Belongs to its event loop."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Write[Any], asyncio.Future[None]]] = []
        self._storing: asyncio.Task[None] | None = None

    async def store(self, database: Database, make: Callable[[Session], T]) -> T:
        """What `make` returns or raises, as this view of the database sees it. All views must be
        of one database."""
        write, made = database.joint(make), asyncio.get_running_loop().create_future()
        self._waiting.append((write, made))
        if self._storing is None:
            self._storing = asyncio.create_task(self._store(database))
        await made
        return write.result

    async def _store(self, database: Database) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
                try:
                    await run_in_threadpool(database.make_together, [write for write, _ in group])
                finally:
                    for _, made in group:
                        if not made.done():
                            made.set_result(None)
        finally:
            self._storing = None
