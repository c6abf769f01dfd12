"""Changing only what one has seen: `If-Match`."""

import httpx
import pytest

from service.db import Database
from tests.integration.api.problems import problem
from tests.integration.db.record import (
    cancel,
    epoch,
    finish,
    members,
    queue,
    queue_sweep,
    record,
    running,
    take,
)
from tests.integration.dispatch.stepping import advance

MOVES = [("POST", "/cancel"), ("POST", "/retry"), ("DELETE", "")]


def etag_of(http: httpx.Client, path: str) -> str:
    return str(http.get(path).raise_for_status().headers["etag"])


def movable(database: Database, move: str) -> str:
    """A job that may be cancelled, or else retried and deleted."""
    job_id = queue(database)
    if move != "/cancel":
        cancel(database, job_id)
    return job_id


@pytest.mark.parametrize(("method", "move"), MOVES)
def test_a_job_that_is_as_it_was_read_is_moved(
    http: httpx.Client, database: Database, method: str, move: str
) -> None:
    for tag in ("{}", '"other", {}', "*"):
        path = f"/v1/jobs/{movable(database, move)}"
        headers = {"If-Match": tag.format(etag_of(http, path))}
        assert http.request(method, path + move, headers=headers).is_success


@pytest.mark.parametrize(("method", "move"), MOVES)
@pytest.mark.parametrize("given", ['"other"', "W/{}", "", "nothing"])
def test_a_job_that_is_not_is_left_alone(
    http: httpx.Client, database: Database, method: str, move: str, given: str
) -> None:
    path = f"/v1/jobs/{movable(database, move)}"
    before = http.get(path)
    headers = {"If-Match": given.format(before.headers["etag"])}
    refused = problem(http.request(method, path + move, headers=headers), "precondition_failed")
    assert before.headers["etag"] in refused["detail"]
    assert http.get(path).json() == before.json()


def test_what_happened_meanwhile_is_noticed(http: httpx.Client, database: Database) -> None:
    job_id, held = running(database)
    path = f"/v1/jobs/{job_id}"
    seen = {"If-Match": etag_of(http, path)}
    record(database, held, epoch(job_id, 0))
    problem(http.post(f"{path}/cancel", headers=seen), "precondition_failed")
    finish(database, held)
    problem(http.delete(path, headers=seen), "precondition_failed")
    assert http.delete(path, headers={"If-Match": etag_of(http, path)}).status_code == 204
    # What is not there has no state that could differ.
    problem(http.delete(path, headers=seen), "job_not_found")


def test_a_sweep_is_moved_as_it_was_read(http: httpx.Client, database: Database) -> None:
    sweep_id = queue_sweep(database, {"seed": {"range": 2}})
    path = f"/v1/sweeps/{sweep_id}"
    seen = {"If-Match": etag_of(http, path)}
    first, _ = members(database, sweep_id)
    take(database, first)
    problem(http.post(f"{path}/cancel", headers=seen), "precondition_failed")
    seen = {"If-Match": etag_of(http, path)}
    assert http.post(f"{path}/cancel", headers=seen).status_code == 202
    problem(http.post(f"{path}/retry", headers=seen), "precondition_failed")
    assert http.post(f"{path}/retry", headers={"If-Match": "*"}).status_code == 202
    problem(http.post(f"/v1/sweeps/swp_{0:032x}/retry", headers=seen), "sweep_not_found")


def test_a_study_is_cancelled_as_it_was_read(http: httpx.Client, database: Database) -> None:
    path = http.post("/v1/studies", json={"template": "mse-versus-mae"}).headers["Location"]
    seen = {"If-Match": etag_of(http, path)}
    advance(database)
    problem(http.post(f"{path}/cancel", headers=seen), "precondition_failed")
    assert http.get(path).json()["status"] != "cancelled"
    seen = {"If-Match": etag_of(http, path)}
    assert http.post(f"{path}/cancel", headers=seen).status_code == 202
    problem(http.post(f"/v1/studies/std_{0:032x}/cancel", headers=seen), "study_not_found")
