"""Posts that come at once: stored together, each answered by itself."""

import asyncio
from threading import Event
from typing import Any

import httpx
from sqlalchemy import event
from sqlalchemy.orm import Session

from service.api import create_app
from service.api.posts import Posts
from service.db import Database, jobs
from service.settings import Settings
from tests.integration.db.record import rows
from tests.specs import SMALL, job_spec


def submit(session: Session) -> str:
    return jobs.submit(session, job_spec(), []).id


def test_those_that_come_while_others_are_stored_share_the_next_transaction(
    database: Database,
) -> None:
    commits: list[None] = []
    event.listen(database.engine, "commit", lambda _: commits.append(None))
    under_way, may_end = Event(), Event()

    def take_long(session: Session) -> str:
        under_way.set()
        assert may_end.wait(60)
        return submit(session)

    async def post() -> list[str]:
        posts = Posts()
        first = asyncio.create_task(posts.store(database, take_long))
        await asyncio.to_thread(under_way.wait, 60)
        later = [asyncio.create_task(posts.store(database, submit)) for _ in range(9)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in (first, *later))
        may_end.set()
        made = await asyncio.gather(first, *later)
        # One that comes when all is done waits for nobody.
        return [*made, await posts.store(database, submit)]

    made = asyncio.run(post())
    assert len(commits) == 3
    assert sorted(rows(database, "SELECT id FROM jobs")) == sorted((one,) for one in made)


def test_a_hundred_clients_at_once_get_a_job_each_or_a_refusal(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"max_queued_jobs": 60}))

    async def post_all() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            return await asyncio.gather(*(http.post("/v1/jobs", json=_spec(i)) for i in range(100)))

    answers = asyncio.run(post_all())
    made = [answer.json() for answer in answers if answer.status_code == 202]
    refused = [answer.json() for answer in answers if answer.status_code != 202]
    assert len({job["id"] for job in made}) == len(made) == 60
    # Each has the answer to its own post.
    for seed, answer in enumerate(answers):
        assert answer.status_code == 429 or answer.json()["spec"]["seed"] == seed
    codes = [(problem["status"], problem["type"].rsplit(":", 1)[-1]) for problem in refused]
    assert codes == [(429, "queue_full")] * 40
    app.state.database.dispose()


def _spec(seed: int) -> dict[str, Any]:
    return SMALL | {"seed": seed}
