"""Back to the queue, and gone."""

from typing import Any

import httpx
import pytest

from service.db import Database
from service.domain.states import JobStatus
from tests.integration.api.problems import problem
from tests.integration.api.streams import follow
from tests.integration.db.record import (
    announced,
    cancel,
    epoch,
    finish,
    history,
    queue,
    record,
    rows,
    running,
    take,
)

_TABLES = ("epoch_metrics", "layer_metrics", "unit_activity")


def _measured(database: Database, job_id: str) -> list[int]:
    return [
        rows(database, f"SELECT count(*) FROM {table} WHERE job_id = :id", id=job_id)[0][0]  # noqa: S608
        for table in _TABLES
    ]


def _failed(database: Database) -> str:
    job_id, held = running(database)
    record(database, held, *(epoch(job_id, n, train_loss=1.0) for n in range(3)))
    finish(database, held, JobStatus.FAILED)
    return job_id


def _post(http: httpx.Client, job_id: str) -> httpx.Response:
    return http.post(f"/v1/jobs/{job_id}/retry")


def test_a_failed_job_starts_again_from_nothing(http: httpx.Client, database: Database) -> None:
    job_id = _failed(database)
    response = _post(http, job_id)
    assert response.status_code == 202
    job: dict[str, Any] = response.json()
    assert (job["id"], job["status"], job["attempt"], job["progress"]) == (job_id, "queued", 1, 0)
    for name in ("outcome", "reason", "detail", "started_at", "finished_at", "summary"):
        assert job[name] is None, name
    assert _measured(database, job_id) == [0, 0, 0]
    assert job_id in announced(database)
    assert [(move.status, move.reason) for move in history(database, job_id)][-1] == (
        JobStatus.QUEUED,
        "retried",
    )


def test_a_retried_job_is_trained_like_a_new_one(http: httpx.Client, database: Database) -> None:
    job_id = _failed(database)
    _post(http, job_id)
    held = take(database, job_id)
    assert held == {job_id: 2}
    record(database, held, epoch(job_id, 0, train_loss=2.0))
    finish(database, held)
    columns = http.get(f"/v1/jobs/{job_id}/epochs").json()["columns"]
    assert (columns["epoch"], columns["train_loss"]) == ([0], [2.0])


def test_a_writer_of_the_attempt_before_changes_nothing(
    http: httpx.Client, database: Database
) -> None:
    job_id, held = running(database)
    finish(database, held, JobStatus.FAILED)
    _post(http, job_id)
    take(database, job_id)
    assert record(database, held, epoch(job_id, 0)) == set()
    assert _measured(database, job_id) == [0, 0, 0]


def test_a_cancelled_job_can_be_retried_and_cancelled_again(
    http: httpx.Client, database: Database
) -> None:
    job_id = queue(database)
    cancel(database, job_id)
    assert _post(http, job_id).json()["cancel_requested_at"] is None
    assert cancel(database, job_id).status is JobStatus.CANCELLED


def test_the_stream_goes_on_after_a_retry(http: httpx.Client, database: Database) -> None:
    job_id = _failed(database)
    last_id = follow(http, job_id)[-1].id
    _post(http, job_id)
    cancel(database, job_id)
    told = follow(http, job_id, last_id)
    assert [event.label for event in told] == ["queued", "cancelled", "end"]


@pytest.mark.parametrize("action", ["retry", "delete"])
def test_a_job_in_the_wrong_state_is_left_alone(
    http: httpx.Client, database: Database, action: str
) -> None:
    held: dict[str, int]
    waiting, (busy, held) = queue(database), running(database)
    done, ended = running(database)
    finish(database, ended)
    for job_id in [waiting, busy] + ([done] if action == "retry" else []):
        path = f"/v1/jobs/{job_id}"
        response = http.post(f"{path}/retry") if action == "retry" else http.delete(path)
        problem(response, "move_refused")
    assert http.get(f"/v1/jobs/{done}").json()["status"] == "succeeded"
    assert take(database, waiting)
    assert record(database, held, epoch(busy, 0)) == {busy}


def test_a_deleted_job_leaves_nothing(http: httpx.Client, database: Database) -> None:
    job_id, kept = _failed(database), _failed(database)
    response = http.delete(f"/v1/jobs/{job_id}")
    assert (response.status_code, response.content) == (204, b"")
    problem(http.get(f"/v1/jobs/{job_id}"), "job_not_found")
    problem(http.delete(f"/v1/jobs/{job_id}"), "job_not_found")
    assert _measured(database, job_id) == [0, 0, 0]
    assert history(database, job_id) == []
    assert _measured(database, kept) == [3, 3, 3]
    problem(_post(http, job_id), "job_not_found")


def test_the_key_of_a_deleted_job_is_free_again(http: httpx.Client, database: Database) -> None:
    from tests.specs import SMALL  # noqa: PLC0415

    def post() -> str:
        headers = {"Idempotency-Key": "a"}
        return str(http.post("/v1/jobs", json=SMALL, headers=headers).json()["id"])

    job_id = post()
    assert post() == job_id
    cancel(database, job_id)
    http.delete(f"/v1/jobs/{job_id}")
    assert post() != job_id
