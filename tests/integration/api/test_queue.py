"""Priority of a posted job, and what a full queue answers."""

import httpx
import pytest
from fastapi import FastAPI

from tests.integration.api.problems import pointers, problem
from tests.specs import SMALL


def test_a_priority_is_kept_and_shown(http: httpx.Client) -> None:
    made = http.post("/v1/jobs", params={"priority": 7}, json=SMALL)
    assert made.status_code == 202
    assert made.json()["priority"] == 7
    assert http.get(made.headers["Location"]).json()["priority"] == 7


def test_without_one_it_is_zero(http: httpx.Client) -> None:
    assert http.post("/v1/jobs", json=SMALL).json()["priority"] == 0


@pytest.mark.parametrize("priority", ["101", "-101", "high", "1.5"])
def test_what_is_no_priority_is_refused(still: httpx.Client, priority: str) -> None:
    answer = still.post("/v1/jobs", params={"priority": priority}, json=SMALL)
    assert pointers(answer, "invalid_request") == ["/query/priority"]


def test_a_full_queue_asks_to_come_back_later(app: FastAPI, http: httpx.Client) -> None:
    app.state.settings = app.state.settings.model_copy(update={"max_queued_jobs": 2})
    first = http.post("/v1/jobs", json=SMALL, headers={"Idempotency-Key": "one"}).json()
    http.post("/v1/jobs", json=SMALL)
    full = http.post("/v1/jobs", json=SMALL)
    problem(full, "queue_full")
    assert full.status_code == 429
    assert int(full.headers["Retry-After"]) > 0
    assert len(http.get("/v1/jobs").json()["data"]) == 2
    # What was accepted before is answered as before.
    again = http.post("/v1/jobs", json=SMALL, headers={"Idempotency-Key": "one"})
    assert (again.status_code, again.json()["id"]) == (202, first["id"])
    http.post(f"/v1/jobs/{first['id']}/cancel").raise_for_status()
    assert http.post("/v1/jobs", json=SMALL).status_code == 202
