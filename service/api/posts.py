"""Jobs that are posted while others are being stored are stored together (`service.db.together`).

Nothing is delayed on purpose: one that comes alone is stored at once, and a group is as large as
the load makes it.
"""

import asyncio

from starlette.concurrency import run_in_threadpool

from service.db import Database
from service.db.posting import Submission
from service.db.together import Stored
from service.domain.job import Job

# The first of a group waits for the last one.
_MOST = 64


class Posts:
    """One per application. Belongs to its event loop."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Submission, asyncio.Future[Stored]]] = []
        self._storing: asyncio.Task[None] | None = None

    async def store(self, database: Database, asked: Submission) -> Job:
        """The job, once it is stored. Raises QueueFull, or what the database raised. All calls must
        be of one database."""
        told: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, told))
        if self._storing is None:
            self._storing = asyncio.create_task(self._store(database))
        stored = await told
        if isinstance(stored, Exception):
            raise stored
        return stored

    async def _store(self, database: Database) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
                asked, told = zip(*group, strict=True)
                try:
                    stored = await run_in_threadpool(database.store_together, asked)
                    for future, one in zip(told, stored, strict=True):
                        if not future.done():  # else its client has gone
                            future.set_result(one)
                finally:
                    for future in told:
                        future.cancel()  # nothing, where it has its answer
        finally:
            self._storing = None
