"""Priority of a posted job, and what a full queue answers."""

import json
import threading

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


def test_a_retry_waits_for_room_as_a_new_job_does(app: FastAPI, http: httpx.Client) -> None:
    job_id = http.post("/v1/jobs", json=SMALL).json()["id"]
    http.post(f"/v1/jobs/{job_id}/cancel").raise_for_status()
    sweep = {"base": SMALL, "axes": {"seed": [1, 2, 3]}}
    sweep_id = http.post("/v1/sweeps", json=sweep).json()["id"]
    http.post(f"/v1/sweeps/{sweep_id}/cancel").raise_for_status()
    app.state.settings = app.state.settings.model_copy(update={"max_queued_jobs": 2})
    problem(http.post(f"/v1/sweeps/{sweep_id}/retry"), "queue_full")  # three at once
    assert http.get(f"/v1/sweeps/{sweep_id}").json()["counts"]["cancelled"] == 3
    http.post(f"/v1/jobs/{job_id}/retry").raise_for_status()
    http.post("/v1/jobs", json=SMALL).raise_for_status()
    http.post(f"/v1/jobs/{job_id}/cancel").raise_for_status()
    http.post("/v1/jobs", json=SMALL).raise_for_status()
    problem(http.post(f"/v1/jobs/{job_id}/retry"), "queue_full")
    assert http.get(f"/v1/jobs/{job_id}").json()["status"] == "cancelled"


@pytest.mark.parametrize("device", ['"cuda"', '"\\u0063uda"'])
def test_what_has_to_be_looked_up_is_not_looked_up_on_the_event_loop(
    http: httpx.Client, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    """However it is written."""
    threads: list[str] = []

    def look(*_given: object) -> list[object]:
        threads.append(threading.current_thread().name)
        return []

    monkeypatch.setattr("service.api.jobs.warn_of_device", look)
    body = json.dumps(SMALL)[:-1] + f', "device": {device}}}'
    headers = {"Content-Type": "application/json"}
    for _ in range(3):
        answer = http.post("/v1/jobs", content=body, headers=headers)
        assert answer.raise_for_status().json()["spec"]["device"] == "cuda"
    http.post("/v1/jobs", json=SMALL).raise_for_status()
    *looked_up, small = threads
    assert small not in looked_up
