"""Sweeps: submitting, reading, listing, cancelling, retrying."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from service.api.examples import jobs as examples
from service.db import Database
from service.domain.states import JobStatus, Outcome
from tests.integration.api.problems import pointers, problem
from tests.integration.db.record import (
    announced,
    cancel,
    epoch,
    find,
    finish,
    members,
    queue,
    queue_sweep,
    record,
    remove,
    take,
)
from tests.specs import SMALL

RATES = {"optimizer.learning_rate": [0.1, 0.2], "seed": {"range": 3}}


def _post(http: httpx.Client, key: str | None = None, **changes: Any) -> httpx.Response:
    body = {"base": SMALL, "axes": RATES} | changes
    headers = {"Idempotency-Key": key} if key else {}
    return http.post("/v1/sweeps", json=body, headers=headers)


def _sweep(http: httpx.Client, sweep_id: str) -> dict[str, Any]:
    body: dict[str, Any] = http.get(f"/v1/sweeps/{sweep_id}").json()
    return body


def test_a_posted_sweep_becomes_queued_and_announced_jobs(
    http: httpx.Client, database: Database
) -> None:
    response = _post(http, name="rates")
    assert response.status_code == 202
    sweep = response.json()
    assert response.headers["location"] == f"/v1/sweeps/{sweep['id']}"
    assert http.get(response.headers["location"]).json() == sweep
    assert (sweep["name"], sweep["members"], sweep["status"]) == ("rates", 6, "queued")
    assert sweep["axes"] == RATES
    assert list(sweep["axes"]) == list(RATES)
    assert sweep["mode"] == "grid"
    assert sweep["counts"] == {
        "queued": 6,
        "running": 0,
        "succeeded": 0,
        "failed": 0,
        "cancelled": 0,
    }
    page = http.get("/v1/jobs", params={"sweep_id": sweep["id"]}).json()["data"]
    found = [(job["spec"]["optimizer"]["learning_rate"], job["spec"]["seed"]) for job in page]
    assert found[::-1] == [(0.1, 0), (0.1, 1), (0.1, 2), (0.2, 0), (0.2, 1), (0.2, 2)]
    assert all(job["sweep_id"] == sweep["id"] for job in page)
    assert announced(database) == {job["id"] for job in page}


@pytest.mark.parametrize("name", examples.SWEEP_SPECS)
def test_every_example_of_the_document_is_accepted(http: httpx.Client, name: str) -> None:
    assert http.post("/v1/sweeps", json=examples.SWEEP_SPECS[name]["value"]).status_code == 202


def test_the_order_of_the_axes_is_kept_whatever_their_names(http: httpx.Client) -> None:
    # PostgreSQL sorts the fields of an object by length.
    axes = {"optimizer.learning_rate": [0.1], "seed": [0], "activation.name": ["relu"]}
    sweep = _post(http, axes=axes).json()
    assert list(_sweep(http, sweep["id"])["axes"]) == list(axes)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/base"),
        ({"base": SMALL}, "/axes"),
        ({"base": SMALL, "axes": {}}, "/axes"),
        ({"base": SMALL, "axes": {"seed": 1}}, "/axes/seed"),
        ({"base": SMALL, "axes": {"seed": {"range": "3"}}}, "/axes/seed/range"),
        ({"base": SMALL, "axes": {"seed": {"range": 3, "by": 2}}}, "/axes/seed/by"),
        ({"base": SMALL, "axes": {"a..b": [1]}}, "/axes/a..b"),
        ({"base": [], "axes": {"seed": [1]}}, "/base"),
        ({"base": SMALL, "axes": {"seed": [1]}, "mode": "random"}, "/mode"),
        ({"base": SMALL, "axes": {"seed": [1]}, "model": "grid"}, "/model"),
    ],
)
def test_what_is_no_sweep_is_refused(
    still: httpx.Client, body: dict[str, Any], pointer: str
) -> None:
    assert pointer in pointers(still.post("/v1/sweeps", json=body), "invalid_spec")


def test_a_number_that_is_none_is_refused(still: httpx.Client) -> None:
    content = b'{"base": {"x": NaN}, "axes": {"x": [1, Infinity]}}'
    headers = {"Content-Type": "application/json"}
    response = still.post("/v1/sweeps", content=content, headers=headers)
    assert set(pointers(response, "invalid_spec")) == {"/base/x", "/axes/x/1"}


def test_one_bad_member_keeps_the_others_out(http: httpx.Client) -> None:
    response = _post(http, axes={"epochs": [1, 99_999], "seed": {"range": 2}})
    [error] = problem(response, "spec_rejected")["errors"]
    assert error["pointer"] == "/axes/epochs/1"
    assert "member epochs = 99999, seed = 0 and 1 more" in error["detail"]
    assert http.get("/v1/jobs").json()["data"] == []
    assert http.get("/v1/sweeps").json()["data"] == []


def test_a_key_makes_one_sweep(http: httpx.Client) -> None:
    first = _post(http, key="k").json()
    assert _post(http, key="k").json() == first
    problem(_post(http, key="k", mode="zip", axes={"seed": [1]}), "idempotency_conflict")
    assert len(http.get("/v1/sweeps").json()["data"]) == 1
    job = http.post("/v1/jobs", json=SMALL, headers={"Idempotency-Key": "k"})
    problem(job, "idempotency_conflict")


def test_one_key_makes_one_sweep_however_many_race(http: httpx.Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: _post(http, key="k").json()["id"], range(8)))
    assert len(set(found)) == 1
    assert len(http.get("/v1/jobs").json()["data"]) == 6


def test_a_sweep_follows_its_members(http: httpx.Client, database: Database) -> None:
    sweep_id = queue_sweep(database, {"seed": {"range": 4}})
    jobs = members(database, sweep_id)
    held = take(database, jobs[0])
    record(database, held, epoch(jobs[0], 0), epoch(jobs[0], 1))
    sweep = _sweep(http, sweep_id)
    assert (sweep["status"], sweep["counts"]["running"]) == ("running", 1)
    assert sweep["progress"] == pytest.approx(1 / 3 / 4)
    finish(database, held, outcome=Outcome.DIVERGED)
    assert _sweep(http, sweep_id)["diverged"] == 1
    for job_id in jobs[1:]:
        finish(database, take(database, job_id))
    sweep = _sweep(http, sweep_id)
    assert (sweep["status"], sweep["progress"]) == ("succeeded", 1.0)
    ends = [http.get(f"/v1/jobs/{job_id}").json()["finished_at"] for job_id in jobs]
    assert sweep["finished_at"] == max(ends)


def test_sweeps_are_listed_in_pages(http: httpx.Client, database: Database) -> None:
    made = [queue_sweep(database, {"seed": [0]}, name=f"n{i % 2}") for i in range(5)]
    page = http.get("/v1/sweeps", params={"limit": 2}).json()
    assert [one["id"] for one in page["data"]] == made[:2:-1]
    assert page["data"][0] == _sweep(http, made[4])
    rest = http.get("/v1/sweeps", params={"cursor": page["next_cursor"]}).json()
    assert [one["id"] for one in rest["data"]] == made[2::-1]
    assert rest["next_cursor"] is None
    named = http.get("/v1/sweeps", params={"name": "n1"}).json()["data"]
    assert [one["id"] for one in named] == [made[3], made[1]]
    query = {"cursor": page["next_cursor"], "name": "n1"}
    assert pointers(http.get("/v1/sweeps", params=query), "invalid_request") == ["/query/cursor"]


def test_a_cursor_of_jobs_is_none_of_sweeps(http: httpx.Client, database: Database) -> None:
    for _ in range(2):
        queue(database)
    cursor = http.get("/v1/jobs", params={"limit": 1}).json()["next_cursor"]
    response = http.get("/v1/sweeps", params={"cursor": cursor})
    assert pointers(response, "invalid_request") == ["/query/cursor"]


def test_an_unchanged_sweep_is_not_sent_again(http: httpx.Client, database: Database) -> None:
    sweep_id = queue_sweep(database, {"seed": {"range": 2}})
    etag = http.get(f"/v1/sweeps/{sweep_id}").headers["etag"]
    headers = {"If-None-Match": etag}
    assert http.get(f"/v1/sweeps/{sweep_id}", headers=headers).status_code == 304
    cancel(database, members(database, sweep_id)[0])
    assert http.get(f"/v1/sweeps/{sweep_id}", headers=headers).status_code == 200


def test_waiting_ends_with_the_last_member(http: httpx.Client, database: Database) -> None:
    sweep_id = queue_sweep(database, {"seed": {"range": 2}})
    jobs = members(database, sweep_id)
    for job_id in jobs[1:]:
        cancel(database, job_id)
    waited = threading.Event()

    def read() -> dict[str, Any]:
        waited.set()
        body: dict[str, Any] = http.get(f"/v1/sweeps/{sweep_id}", params={"wait": 20}).json()
        return body

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        waited.wait(10)
        cancel(database, jobs[0])
        assert reading.result(15)["status"] == "cancelled"


def test_cancelling_ends_the_queued_and_asks_the_running(
    http: httpx.Client, database: Database
) -> None:
    sweep_id = queue_sweep(database, {"seed": {"range": 3}})
    done, busy, waiting = members(database, sweep_id)
    finish(database, take(database, done))
    held = take(database, busy)
    response = http.post(f"/v1/sweeps/{sweep_id}/cancel")
    assert response.status_code == 202
    assert (
        response.json()["counts"] | {"succeeded": 1, "running": 1, "cancelled": 1}
        == (response.json()["counts"])
    )
    assert find(database, busy).cancel_requested_at is not None
    assert find(database, waiting).reason == "user"
    finish(database, held, JobStatus.CANCELLED)
    problem(http.post(f"/v1/sweeps/{sweep_id}/cancel"), "move_refused")
    assert _sweep(http, sweep_id)["status"] == "cancelled"


def test_retrying_takes_only_what_failed_or_was_cancelled(
    http: httpx.Client, database: Database
) -> None:
    sweep_id = queue_sweep(database, {"seed": {"range": 3}})
    done, failed, dropped = members(database, sweep_id)
    problem(http.post(f"/v1/sweeps/{sweep_id}/retry"), "move_refused")
    held = take(database, done)
    record(database, held, epoch(done, 0, train_loss=1.0))
    finish(database, held)
    held = take(database, failed)
    record(database, held, epoch(failed, 0, train_loss=1.0))
    finish(database, held, JobStatus.FAILED)
    cancel(database, dropped)
    assert _sweep(http, sweep_id)["status"] == "failed"
    response = http.post(f"/v1/sweeps/{sweep_id}/retry")
    assert response.status_code == 202
    counts = response.json()["counts"]
    assert (counts["queued"], counts["succeeded"], counts["failed"]) == (2, 1, 0)
    assert find(database, done).summary is not None
    assert find(database, failed).summary is None
    assert announced(database) == {failed, dropped}


def test_a_sweep_whose_members_were_deleted_still_reads(
    http: httpx.Client, database: Database
) -> None:
    sweep_id = queue_sweep(database, {"seed": {"range": 2}})
    for job_id in members(database, sweep_id):
        cancel(database, job_id)
        remove(database, job_id)
    sweep = _sweep(http, sweep_id)
    assert (sweep["members"], sum(sweep["counts"].values())) == (2, 0)


@pytest.mark.parametrize("tail", ["", "/table", "/events"])
@pytest.mark.parametrize("sweep_id", [f"swp_{0:032x}", "swp_1", f"job_{0:032x}"])
def test_an_unknown_sweep_is_not_found(still: httpx.Client, sweep_id: str, tail: str) -> None:
    problem(still.get(f"/v1/sweeps/{sweep_id}{tail}"), "sweep_not_found")
