"""Posts that come at once: stored together, each answered by itself."""

import asyncio
from threading import Event
from typing import Any

import httpx
from sqlalchemy import event

from service.api import create_app
from service.api.posts import Posts
from service.db import Database
from service.db.posting import NewJob, Submission
from service.domain.ids import new_id
from service.domain.job import Job
from service.settings import Settings
from tests.integration.db.record import rows
from tests.specs import SMALL, job_spec


def asked() -> Submission:
    new = NewJob(id=new_id("job"), spec=job_spec(), warnings=[])
    return Submission(new=new, owner="default", priority=0, max_queued=None)


def test_those_that_come_while_others_are_stored_share_the_next_transaction(
    database: Database,
) -> None:
    commits: list[None] = []
    event.listen(database.engine, "commit", lambda _: commits.append(None))
    under_way, may_end = Event(), Event()

    @event.listens_for(database.engine, "before_cursor_execute")
    def take_long(*_: Any) -> None:
        under_way.set()
        assert may_end.wait(60)

    async def post() -> list[Job]:
        posts = Posts()
        first = asyncio.create_task(posts.store(database, asked()))
        await asyncio.to_thread(under_way.wait, 60)
        later = [asyncio.create_task(posts.store(database, asked())) for _ in range(9)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in (first, *later))
        may_end.set()
        made = await asyncio.gather(first, *later)
        # One that comes when all is done waits for nobody.
        return [*made, await posts.store(database, asked())]

    made = asyncio.run(post())
    assert len(commits) == 3
    assert sorted(rows(database, "SELECT id FROM jobs")) == sorted((one.id,) for one in made)


def test_one_whose_client_goes_is_stored_and_others_hear_of_theirs(database: Database) -> None:
    async def post() -> list[Job]:
        posts = Posts()
        waiting = [asyncio.create_task(posts.store(database, asked())) for _ in range(5)]
        await asyncio.sleep(0)
        waiting[2].cancel()
        return await asyncio.gather(*waiting[:2], *waiting[3:])

    assert len(asyncio.run(post())) == 4
    assert rows(database, "SELECT count(*) FROM jobs") == [(5,)]


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
