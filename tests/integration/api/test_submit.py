"""Posting specs."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from service.api.examples import jobs as examples
from service.db import Database
from tests.integration.api.problems import pointers, problem
from tests.integration.db.record import announced, rows
from tests.specs import SMALL


def test_a_posted_spec_becomes_a_queued_and_announced_job(
    http: httpx.Client, database: Database
) -> None:
    response = http.post("/v1/jobs", json=SMALL)
    assert response.status_code == 202
    job = response.json()
    assert (job["status"], job["progress"], job["attempt"]) == ("queued", 0.0, 0)
    assert job["spec"]["batch_size"] == 64
    assert response.headers["location"] == f"/v1/jobs/{job['id']}"
    assert http.get(response.headers["location"]).json() == job
    assert announced(database) == {job["id"]}


@pytest.mark.parametrize("name", examples.SPECS)
def test_every_example_of_the_document_is_accepted(http: httpx.Client, name: str) -> None:
    assert http.post("/v1/jobs", json=examples.SPECS[name]["value"]).status_code == 202


def test_a_doubtful_spec_is_accepted_with_a_warning(http: httpx.Client) -> None:
    activation = {"name": "relu", "derivative_at_zero": 2}
    job = http.post("/v1/jobs", json=SMALL | {"activation": activation}).json()
    assert "outside_subdifferential" in [warning["code"] for warning in job["warnings"]]


def test_the_same_key_and_body_are_the_same_job(http: httpx.Client, database: Database) -> None:
    key = {"Idempotency-Key": "a try"}
    first = http.post("/v1/jobs", json=SMALL, headers=key)
    reordered = dict(reversed(list(SMALL.items())))
    again = http.post("/v1/jobs", json=reordered, headers=key)
    assert again.status_code == 202
    assert again.headers["location"] == first.headers["location"]
    assert rows(database, "SELECT count(*) FROM jobs") == [(1,)]


def test_the_same_key_with_another_body_is_refused(http: httpx.Client, database: Database) -> None:
    key = {"Idempotency-Key": "a try"}
    http.post("/v1/jobs", json=SMALL, headers=key)
    other = http.post("/v1/jobs", json=SMALL | {"seed": 1}, headers=key)
    problem(other, "idempotency_conflict")
    assert rows(database, "SELECT count(*) FROM jobs") == [(1,)]


def test_one_key_makes_one_job_however_many_race(http: httpx.Client, database: Database) -> None:
    key = {"Idempotency-Key": "a race"}
    with ThreadPoolExecutor(8) as threads:
        posted = [threads.submit(http.post, "/v1/jobs", json=SMALL, headers=key) for _ in range(16)]
    assert {one.result().json()["id"] for one in posted} == {posted[0].result().json()["id"]}
    assert rows(database, "SELECT count(*) FROM jobs") == [(1,)]


@pytest.mark.parametrize("key", [b"", b"k" * 256, b"\xe9t\xe9"])
def test_a_key_that_is_no_key_is_refused(still: httpx.Client, key: bytes) -> None:
    response = still.post("/v1/jobs", json=SMALL, headers={b"Idempotency-Key": key})
    assert pointers(response, "invalid_request") == ["/header/Idempotency-Key"]
