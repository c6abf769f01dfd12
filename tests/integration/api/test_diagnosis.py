"""POST /v1/jobs/{id}/diagnosis: what is answered when, and trials that are started once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from service.db import Database, claims
from service.domain.diagnosis import Diagnosis
from service.domain.states import JobStatus, Outcome, Reason
from tests.integration.api.problems import pointers, problem
from tests.integration.db.record import (
    cancel,
    epoch,
    finish,
    members,
    queue,
    record,
    retry,
    rows,
    running,
    take,
)

NAN = float("nan")


def diagnose(http: httpx.Client, job_id: str, **query: Any) -> dict[str, Any]:
    answer = http.post(f"/v1/jobs/{job_id}/diagnosis", params=query).raise_for_status()
    Diagnosis.model_validate_json(answer.content)
    body: dict[str, Any] = answer.json()
    return body


def trained(
    database: Database, losses: list[float], outcome: Outcome = Outcome.COMPLETED, **spec: Any
) -> str:
    """A job with these training losses."""
    job_id, held = running(database, **spec)
    record(database, held, *[epoch(job_id, n, train_loss=x) for n, x in enumerate(losses)])
    finish(database, held, outcome=outcome)
    return job_id


STUCK = [2.0, 2.0, 2.0, 2.0]


def codes(diagnosis: dict[str, Any]) -> list[str]:
    return [finding["code"] for finding in diagnosis["findings"]]


def test_a_stuck_job_is_told_with_what_could_be_changed(
    http: httpx.Client, database: Database
) -> None:
    job_id = trained(database, STUCK)
    told = diagnose(http, job_id)
    assert (told["job_id"], told["status"], told["last_epoch"]) == (job_id, "succeeded", 3)
    assert codes(told) == ["no_learning"]
    (finding,) = told["findings"]
    changes = [treatment["changes"] for treatment in finding["treatments"]]
    assert {"optimizer.learning_rate": 1.0} in changes
    series = http.get(finding["series"]).raise_for_status().json()
    assert series["columns"]["train_loss"] == STUCK
    assert told["trial"] is None


def test_a_diverged_job_has_numbers_that_json_has_not(
    http: httpx.Client, database: Database
) -> None:
    job_id, held = running(database)
    losses = [(0, 2.0, None), (1, NAN, NAN)]
    events = [epoch(job_id, n, train_loss=x, grad_norm_max=norm) for n, x, norm in losses]
    record(database, held, *events)
    finish(database, held, outcome=Outcome.DIVERGED)
    told = diagnose(http, job_id)
    assert codes(told) == ["diverged", "exploding_gradient"]
    assert told["findings"][1]["evidence"][0]["value"] == "NaN"


@pytest.mark.parametrize(
    ("status", "code"), [(JobStatus.FAILED, "failed"), (JobStatus.CANCELLED, "cancelled")]
)
def test_a_job_that_measured_nothing_is_told_as_such(
    http: httpx.Client, database: Database, status: JobStatus, code: str
) -> None:
    job_id, held = running(database)
    if status is JobStatus.CANCELLED:
        finish(database, held, status)
    else:
        fail(database, held)
    told = diagnose(http, job_id, treat=True)
    assert (codes(told), told["last_epoch"], told["trial"]) == ([code], None, None)
    assert told["findings"][0]["series"] is None


def fail(database: Database, held: dict[str, int]) -> None:
    with database.writing() as session:
        claims.finish(session, held, status=JobStatus.FAILED, reason=Reason.INVALID_DATA)


def test_a_job_without_training_and_a_linear_one_are_judged(
    http: httpx.Client, database: Database
) -> None:
    assert codes(diagnose(http, trained(database, [2.0], epochs=0))) == ["not_trained"]
    linear: dict[str, Any] = {"network": {"kind": "linear"}, "activation": {"name": "identity"}}
    assert codes(diagnose(http, trained(database, [2.0, 0.5, 0.1, 0.1], **linear))) == ["healthy"]


def test_a_job_that_has_not_ended_is_refused(http: httpx.Client, database: Database) -> None:
    waiting = queue(database)
    taken, _ = running(database, seed=1)
    for job_id, status in ((waiting, "queued"), (taken, "running")):
        for query in ("", "?treat=true"):
            body = problem(http.post(f"/v1/jobs/{job_id}/diagnosis{query}"), "move_refused")
            assert body["status"] == 409
            assert status in body["detail"]
            assert "wait=" in body["detail"]


def test_what_is_no_job_or_no_wish_is_refused(still: httpx.Client) -> None:
    path = f"/v1/jobs/job_{0:032x}/diagnosis"
    problem(still.post(path), "job_not_found")
    problem(still.post("/v1/jobs/x/diagnosis"), "job_not_found")
    assert pointers(still.post(f"{path}?treat=maybe"), "invalid_request") == ["/query/treat"]
    assert pointers(still.post(f"{path}?cure=true"), "invalid_request") == ["/query/cure"]
    problem(still.get(path), "method_not_allowed")


def test_a_trial_is_started_once_however_often_it_is_asked_for(
    http: httpx.Client, database: Database
) -> None:
    job_id = trained(database, STUCK, seed=7)
    assert rows(database, "SELECT count(*) FROM sweeps") == [(0,)]
    with ThreadPoolExecutor(4) as pool:
        asked = list(pool.map(lambda _: diagnose(http, job_id, treat=True), range(4)))
    asked += [diagnose(http, job_id, treat=True), diagnose(http, job_id)]
    (sweep_id,) = {one["trial"]["sweep_id"] for one in asked}
    assert rows(database, "SELECT id FROM sweeps") == [(sweep_id,)]
    trial = asked[-1]["trial"]
    assert trial["seeds"] == [7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
    assert {arm["verdict"] for arm in trial["arms"]} == {"pending"}
    jobs = [job for arm in trial["arms"] for job in arm["jobs"]]
    assert [*trial["untreated_jobs"], *jobs] == members(database, sweep_id)
    sweep = http.get(f"/v1/sweeps/{sweep_id}").json()
    assert sweep["name"] == f"treatments of {job_id}"
    assert sweep["members"] == 10 * (1 + len(trial["arms"]))


def test_a_healthy_job_is_not_treated(http: httpx.Client, database: Database) -> None:
    job_id = trained(database, [2.0, 0.5, 0.1, 0.1])
    told = diagnose(http, job_id, treat=True)
    assert (codes(told), told["trial"]) == (["healthy"], None)
    assert rows(database, "SELECT count(*) FROM treatments") == [(0,)]


def test_a_full_queue_starts_nothing_and_remembers_nothing(
    app: FastAPI, http: httpx.Client, database: Database
) -> None:
    job_id = trained(database, STUCK)
    settings = app.state.settings
    app.state.settings = settings.model_copy(update={"max_queued_jobs": 5})
    answer = http.post(f"/v1/jobs/{job_id}/diagnosis?treat=true")
    assert problem(answer, "queue_full")["status"] == 429
    assert rows(database, "SELECT count(*) FROM treatments") == [(0,)]
    app.state.settings = settings
    assert diagnose(http, job_id, treat=True)["trial"]["status"] == "queued"


def test_a_retried_job_is_another_patient(http: httpx.Client, database: Database) -> None:
    job_id, held = running(database)
    record(database, held, *[epoch(job_id, n, train_loss=2.0) for n in range(3)])
    finish(database, held, JobStatus.CANCELLED)
    first = diagnose(http, job_id, treat=True)
    assert codes(first) == ["no_learning", "cancelled"]
    retry(database, job_id)
    again = take(database, job_id)
    record(database, again, *[epoch(job_id, n, train_loss=2.0) for n in range(3)])
    finish(database, again, JobStatus.CANCELLED)
    assert diagnose(http, job_id)["trial"] is None
    assert diagnose(http, job_id, treat=True)["trial"]["sweep_id"] != first["trial"]["sweep_id"]


def test_a_trial_whose_members_ended_says_what_helped(
    http: httpx.Client, database: Database
) -> None:
    job_id = trained(database, STUCK)
    trial = diagnose(http, job_id, treat=True)["trial"]
    best = trial["arms"][0]["jobs"]
    for member in members(database, trial["sweep_id"]):
        held = take(database, member)
        loss = 0.5 if member in best else 2.0
        record(database, held, epoch(member, 3, train_loss=loss))
        finish(database, held, outcome=Outcome.COMPLETED)
    read = diagnose(http, job_id)["trial"]
    assert read["status"] == "succeeded"
    assert read["arms"][0]["verdict"] == "helped"
    assert {arm["effects"][0]["verdict"] for arm in read["arms"][1:]} == {"no_clear_difference"}
    http.delete(f"/v1/jobs/{best[0]}").raise_for_status()
    arm = diagnose(http, job_id)["trial"]["arms"][0]
    assert (arm["missing"], len(arm["jobs"])) == (1, 9)


def test_a_patient_that_is_deleted_takes_its_trial_along(
    http: httpx.Client, database: Database
) -> None:
    job_id = trained(database, STUCK)
    trial = diagnose(http, job_id, treat=True)["trial"]
    http.delete(f"/v1/jobs/{job_id}").raise_for_status()
    assert rows(database, "SELECT count(*) FROM treatments") == [(0,)]
    for member in members(database, trial["sweep_id"]):
        cancel(database, member)
