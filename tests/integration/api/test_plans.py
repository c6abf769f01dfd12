"""Dry runs: the plan, and nothing stored."""

from typing import Any

import httpx
import pytest

from service.db import Database, claims, workers
from service.db.workers import Worker
from service.domain.spec import JobSpec
from service.planning.costs import total_flops
from tests.integration.api.problems import pointers
from tests.integration.db.record import epoch, finish, queue, record, rows, running, take
from tests.specs import SMALL

DRY = {"dry_run": "true"}


def _finished(database: Database, *, count: int, seconds: float, **spec: Any) -> None:
    """Jobs that were one stack: they report the same seconds."""
    made = [queue(database, **spec) for _ in range(count)]
    held = take(database, made[0], limit=count)
    assert len(held) == count
    with database.writing() as session:
        claims.record_environment(session, held, {"device": "cpu", "threads": 2})
    record(database, held, *(epoch(job_id, 1, seconds=seconds) for job_id in made))
    finish(database, held)


def test_a_job_is_planned_and_not_stored(http: httpx.Client, database: Database) -> None:
    response = http.post("/v1/jobs", params=DRY, json=SMALL, headers={"Idempotency-Key": "k"})
    assert response.status_code == 200
    plan = response.json()
    assert (plan["parameters"], plan["steps"]) == (13, 3)
    assert plan["flops"] == total_flops(JobSpec.model_validate(SMALL))
    assert (plan["estimated_seconds"], plan["measured"]) == (None, None)
    assert [warning["code"] for warning in plan["warnings"]] == ["batch_exceeds_data"]
    for table in ("jobs", "outbox", "job_statuses", "idempotency_keys"):
        assert rows(database, f"SELECT count(*) FROM {table}") == [(0,)], table  # noqa: S608


LINEAR = SMALL | {
    "network": {"kind": "linear"},
    "activation": {"name": "identity"},
    "batch_size": 16,
}


@pytest.mark.parametrize(
    ("spec", "code", "pointer", "axes"),
    [
        # Of one output the curvature is at least 2, so that descent diverges above a rate of 1.
        (
            LINEAR | {"optimizer": {"learning_rate": 1.5}},
            "rate_diverges",
            "/optimizer/learning_rate",
            {"optimizer.learning_rate": [0.5, 1.5]},
        ),
        (
            SMALL | {"batch_size": 16, "network": {"hidden": [4], "init": {"name": "zeros"}}},
            "born_dead",
            "/network/init/name",
            {"network.init.name": ["zeros", "kaiming_normal"]},
        ),
    ],
)
def test_a_training_that_goes_nowhere_is_warned_of(
    still: httpx.Client, spec: dict[str, Any], code: str, pointer: str, axes: dict[str, Any]
) -> None:
    """Of a job at the field, of a sweep with the number of its members."""
    plan = still.post("/v1/jobs", params=DRY, json=spec).raise_for_status().json()
    assert [(one["code"], one["pointer"]) for one in plan["warnings"]] == [(code, pointer)]
    sweep = {"base": spec, "axes": axes | {"seed": {"range": 3}}}
    plan = still.post("/v1/sweeps", params=DRY, json=sweep).raise_for_status().json()
    assert [(one["code"], one["members"]) for one in plan["warnings"]] == [(code, 3)]


def test_the_estimate_rests_on_what_was_trained_here(
    http: httpx.Client, database: Database
) -> None:
    _finished(database, count=1, seconds=2.0)
    running(database, seed=5)  # has no time yet
    plan = http.post("/v1/jobs", params=DRY, json=SMALL).json()
    # Three epochs of 2 s, and the measuring pass of epoch 0.
    assert 6 < plan["estimated_seconds"] < 8
    assert (plan["measured"]["stacks"], plan["measured"]["lanes"]) == (1, 2)


def test_a_sweep_is_planned_and_not_stored(http: httpx.Client, database: Database) -> None:
    _finished(database, count=4, seconds=1.0)
    with database.writing() as session:
        worker = Worker(id="wrk_1", host="h", pid=1, slots=3)
        workers.report(session, worker, ready=True)
    body = {"base": SMALL, "axes": {"epochs": [0, 3], "seed": {"range": 100}}}
    before = rows(database, "SELECT count(*) FROM jobs")
    plan = http.post("/v1/sweeps", params=DRY, json=body)
    assert plan.status_code == 200
    told = plan.json()
    assert (told["members"], told["cohorts"], told["largest_cohort"]) == (200, 4, 64)
    assert (told["slots"], told["steps"]) == (3, 300)
    assert told["warnings"][0]["members"] == 200
    assert told["estimated_seconds"] > 0
    assert rows(database, "SELECT count(*) FROM jobs") == before
    assert rows(database, "SELECT count(*) FROM sweeps") == [(0,)]


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/v1/jobs", SMALL | {"epochs": 99_999}, "/epochs"),
        ("/v1/sweeps", {"base": SMALL, "axes": {"epochs": [99_999]}}, "/axes/epochs/0"),
    ],
)
def test_what_cannot_run_has_no_plan(
    still: httpx.Client, path: str, body: dict[str, Any], pointer: str
) -> None:
    assert pointers(still.post(path, params=DRY, json=body), "spec_rejected") == [pointer]


def test_a_flag_that_is_none_is_refused(still: httpx.Client) -> None:
    response = still.post("/v1/jobs", params={"dry_run": "maybe"}, json=SMALL)
    assert pointers(response, "invalid_request") == ["/query/dry_run"]
