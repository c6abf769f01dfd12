"""Reading and cancelling one job."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from service.db import Database, claims
from service.domain.states import JobStatus, Outcome
from tests.integration.api.problems import problem
from tests.integration.db.record import epoch, find, finish, queue, record, running


def test_a_running_job_shows_progress_and_its_last_epoch(
    http: httpx.Client, database: Database
) -> None:
    job_id, held = running(database, epochs=4)
    record(database, held, *(epoch(job_id, n, train_loss=1 / (n + 1)) for n in range(3)))
    job = http.get(f"/v1/jobs/{job_id}").json()
    assert (job["status"], job["attempt"], job["progress"]) == ("running", 1, 0.5)
    assert job["summary"]["train_loss"] == pytest.approx(1 / 3)
    assert job["summary"]["kink_hits"] is None


def test_what_is_not_a_number_reads_as_a_string(http: httpx.Client, database: Database) -> None:
    job_id, held = running(database)
    nan, inf = float("nan"), float("inf")
    bad = epoch(job_id, 0, train_loss=nan, grad_norm_max=inf, validation_loss=-inf)
    record(database, held, bad)
    with database.writing() as session:
        claims.finish(
            session,
            held,
            status=JobStatus.SUCCEEDED,
            outcome=Outcome.DIVERGED,
            diverged_at_step=7,
        )
    job = http.get(f"/v1/jobs/{job_id}").json()
    assert (job["outcome"], job["diverged_at_step"]) == ("diverged", 7)
    assert job["summary"]["train_loss"] == "NaN"
    assert job["summary"]["grad_norm_max"] == "Infinity"
    assert job["summary"]["validation_loss"] == "-Infinity"
    (listed,) = http.get("/v1/jobs").json()["data"]
    assert listed == job


def test_an_unchanged_job_is_not_sent_again(http: httpx.Client, database: Database) -> None:
    job_id, held = running(database)
    first = http.get(f"/v1/jobs/{job_id}")
    etag = first.headers["etag"]
    for given in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = http.get(f"/v1/jobs/{job_id}", headers={"If-None-Match": given})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag
    record(database, held, epoch(job_id, 0, train_loss=1.0))
    changed = http.get(f"/v1/jobs/{job_id}", headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag


def test_waiting_ends_with_the_job(http: httpx.Client, database: Database) -> None:
    job_id, held = running(database)
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(http.get, f"/v1/jobs/{job_id}", params={"wait": 15})
        # Answers of the same server in between: a wait holds up nobody.
        for number in range(3):
            record(database, held, epoch(job_id, number))
            assert http.get(f"/v1/jobs/{job_id}").json()["status"] == "running"
        assert not waiting.done()
        finish(database, held)
        assert waiting.result().json()["status"] == "succeeded"


def test_waiting_ends_with_the_time(http: httpx.Client, database: Database) -> None:
    job_id = queue(database)
    started = time.monotonic()
    response = http.get(f"/v1/jobs/{job_id}", params={"wait": 0.1})
    assert response.json()["status"] == "queued"
    assert time.monotonic() - started >= 0.1


def test_sixty_waits_hold_up_nobody(http: httpx.Client, database: Database) -> None:
    job_id, held = running(database)
    with ThreadPoolExecutor(60) as threads:
        waits = [
            threads.submit(http.get, f"/v1/jobs/{job_id}", params={"wait": 15}) for _ in range(60)
        ]
        assert http.get("/healthz").status_code == 200
        assert http.get("/v1/jobs").status_code == 200
        finish(database, held)
        assert {one.result().json()["status"] for one in waits} == {"succeeded"}


def test_a_queued_job_is_cancelled_at_once(http: httpx.Client, database: Database) -> None:
    response = http.post(f"/v1/jobs/{queue(database)}/cancel")
    assert response.status_code == 202
    assert response.json()["status"] == "cancelled"
    assert response.json()["reason"] == "user"


def test_a_running_job_is_asked_to_stop(http: httpx.Client, database: Database) -> None:
    job_id, _ = running(database)
    response = http.post(f"/v1/jobs/{job_id}/cancel")
    assert response.status_code == 202
    assert response.json()["status"] == "running"
    assert response.json()["cancel_requested_at"] is not None
    assert http.post(f"/v1/jobs/{job_id}/cancel").json() == response.json()


def test_an_ended_job_cannot_be_cancelled(http: httpx.Client, database: Database) -> None:
    job_id, held = running(database)
    finish(database, held)
    before = find(database, job_id)
    problem(http.post(f"/v1/jobs/{job_id}/cancel"), "move_refused")
    assert find(database, job_id) == before
