"""Listing: newest first, by keyset, filtered."""

from typing import Any

import pytest

from service.db import Database, jobs
from service.db.jobs import JobFilter
from service.domain.states import JobStatus, Outcome
from tests.integration.db.record import cancel, finish, queue, running


def listed(
    database: Database, *, before: str | None = None, limit: int = 100, **wanted: Any
) -> list[str]:
    with database.reading() as session:
        found = jobs.list_newest_first(session, JobFilter(**wanted), before_id=before, limit=limit)
    return [job.id for job in found]


def test_jobs_are_listed_newest_first(database: Database) -> None:
    made = [queue(database) for _ in range(5)]
    assert listed(database) == made[::-1]


def test_pages_cover_every_job_once_while_jobs_are_added(database: Database) -> None:
    made = [queue(database) for _ in range(7)]
    seen: list[str] = []
    while page := listed(database, before=seen[-1] if seen else None, limit=3):
        seen += page
        queue(database)
    assert seen == made[::-1]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"status": JobStatus.QUEUED}, {"plain", "tanh"}),
        ({"status": JobStatus.CANCELLED}, {"dropped"}),
        ({"outcome": Outcome.COMPLETED}, set()),
        ({"activation": "tanh"}, {"tanh"}),
        ({"name": "plain"}, {"plain"}),
        ({"name": "plain", "activation": "tanh"}, set()),
        ({"sweep_id": "swp_0"}, set()),
        ({"study_id": "std_0"}, set()),
        ({}, {"plain", "tanh", "dropped", "ended"}),
    ],
)
def test_filters_narrow_the_list(
    database: Database, wanted: dict[str, Any], expected: set[str]
) -> None:
    made = {
        "plain": queue(database, name="plain"),
        "tanh": queue(database, name="tanh", activation={"name": "tanh"}),
        "dropped": queue(database),
        "ended": (ended := running(database))[0],
    }
    cancel(database, made["dropped"])
    finish(database, ended[1])
    assert listed(database, **wanted) == sorted((made[name] for name in expected), reverse=True)
