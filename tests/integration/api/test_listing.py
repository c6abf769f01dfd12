"""Listing jobs: order, pages, filters."""

from typing import Any

import httpx
import pytest

from service.db import Database
from service.domain.states import Outcome
from tests.integration.api.problems import pointers
from tests.integration.db.record import finish, queue, running


def _ids(http: httpx.Client, **query: Any) -> list[str]:
    return [job["id"] for job in http.get("/v1/jobs", params=query).json()["data"]]


def _walk(http: httpx.Client, **query: Any) -> list[list[str]]:
    """The ids of every page."""
    pages, cursor = [], None
    while True:
        page = http.get("/v1/jobs", params=query | ({"cursor": cursor} if cursor else {})).json()
        pages.append([job["id"] for job in page["data"]])
        cursor = page["next_cursor"]
        if cursor is None:
            return pages


def test_no_jobs_are_an_empty_page(http: httpx.Client) -> None:
    assert http.get("/v1/jobs").json() == {"data": [], "next_cursor": None}


def test_the_newest_come_first(http: httpx.Client, database: Database) -> None:
    made = [queue(database) for _ in range(3)]
    assert _ids(http) == made[::-1]


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7])
def test_pages_hold_every_job_once(http: httpx.Client, database: Database, limit: int) -> None:
    made = [queue(database) for _ in range(6)]
    pages = _walk(http, limit=limit)
    assert [job for page in pages for job in page] == made[::-1]
    assert all(len(page) == limit for page in pages[:-1])


def test_a_job_posted_meanwhile_moves_no_page(http: httpx.Client, database: Database) -> None:
    made = [queue(database) for _ in range(4)]
    first = http.get("/v1/jobs", params={"limit": 2}).json()
    queue(database)
    assert _ids(http, limit=2, cursor=first["next_cursor"]) == made[1::-1]


def test_filters_choose_and_combine(http: httpx.Client, database: Database) -> None:
    waiting = queue(database, name="one")
    leaky = queue(database, name="two", activation={"name": "leaky_relu"})
    done, held = running(database, name="one")
    finish(database, held)
    assert _ids(http, status="queued") == [leaky, waiting]
    assert _ids(http, name="one") == [done, waiting]
    assert _ids(http, activation="leaky_relu") == [leaky]
    assert _ids(http, name="one", status="succeeded") == [done]
    assert _ids(http, outcome="diverged") == []
    assert _ids(http, sweep_id=f"swp_{0:032x}") == []


def test_outcomes_are_told_apart(http: httpx.Client, database: Database) -> None:
    ended = {}
    for outcome in Outcome:
        ended[outcome], held = running(database)
        finish(database, held, outcome=outcome)
    queue(database)
    assert {one: _ids(http, outcome=one) for one in Outcome} == {
        one: [job] for one, job in ended.items()
    }


def test_a_list_goes_on_below_a_job_that_is_gone(http: httpx.Client, database: Database) -> None:
    made = []
    for _ in range(4):
        job_id, held = running(database)
        finish(database, held)
        made.append(job_id)
    cursor = http.get("/v1/jobs", params={"limit": 2}).json()["next_cursor"]
    assert http.delete(f"/v1/jobs/{made[2]}").status_code == 204
    assert _ids(http, limit=2, cursor=cursor) == made[1::-1]


def test_a_filtered_list_has_pages(http: httpx.Client, database: Database) -> None:
    made = [queue(database, name=f"n{i % 2}") for i in range(6)]
    assert _walk(http, name="n1", limit=2) == [[made[5], made[3]], [made[1]]]


def test_a_cursor_of_other_filters_is_refused(http: httpx.Client, database: Database) -> None:
    for _ in range(2):
        queue(database)
    cursor = http.get("/v1/jobs", params={"limit": 1}).json()["next_cursor"]
    response = http.get("/v1/jobs", params={"cursor": cursor, "status": "queued"})
    assert pointers(response, "invalid_request") == ["/query/cursor"]


def test_a_page_may_change_its_size(http: httpx.Client, database: Database) -> None:
    made = [queue(database) for _ in range(4)]
    cursor = http.get("/v1/jobs", params={"limit": 1}).json()["next_cursor"]
    assert _ids(http, limit=200, cursor=cursor) == made[2::-1]
