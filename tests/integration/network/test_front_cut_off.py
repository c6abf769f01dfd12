"""APIs and dispatch that lose the broker or the database while clients go on asking."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from service.db import Database, keys
from service.domain.access import Scope
from tests.integration.network.site import BROKER, CORE, DATABASE, FRONT, LEFT, Site
from tests.servers import DROP_ANSWERS
from tests.stack import digits_spec, slow_spec, wait_for

CROWD = 100
A_HANG_S = 60.0


@pytest.fixture
def running(site: Site) -> Site:
    site.start_front()
    site.start_worker(LEFT)
    site.wait_until_ready()
    return site


def missing(answer: httpx.Response) -> list[str]:
    """What is not well, as /readyz has it."""
    return [one["pointer"] for one in answer.json().get("errors", [])]


def test_cut_from_the_broker_jobs_are_accepted_and_run_all_the_same_and_reads_go_on(
    running: Site,
) -> None:
    # With a key, each request asks the broker how many there were.
    with running.network.inside(CORE):
        database = Database(running.settings.resolved_database_url)
        with database.writing() as session:
            _, token = keys.create(session, name="cut", scopes=[Scope.READ, Scope.WRITE])
        database.dispose()
    with running.in_front() as stack:
        for http in (stack.http, running.other_http):
            http.headers["Authorization"] = f"Bearer {token}"
        before = stack.post(slow_spec(epochs=60))
        stack.wait_for_epoch(before, 2)
        with running.cut(FRONT, BROKER):
            assert stack.ended(before)["attempt"] == 1
            made = []
            for http in (stack.http, running.other_http):
                http.timeout = httpx.Timeout(A_HANG_S)
                made.append(http.post("/v1/jobs", json=digits_spec()).raise_for_status().json())
                assert http.get("/healthz").status_code == 200
                ready = http.get("/readyz")
                assert (ready.status_code, missing(ready)) == (503, ["/broker"])
                assert http.get("/v1/jobs").status_code == 200
                assert len(http.get(f"/v1/jobs/{before}/epochs").json()["columns"]["epoch"]) == 61
            ids = [one["id"] for one in made]
            # Nobody can tell the worker, which hears the broker: it looks by itself.
            assert {stack.ended(job_id)["status"] for job_id in ids} == {"succeeded"}
        stack.wait_until_ready()
        ids.append(stack.post(digits_spec()))
        assert stack.ended(ids[-1])["status"] == "succeeded"
    running.assert_undisturbed([before, *ids])


@pytest.mark.parametrize("chains", [None, DROP_ANSWERS], ids=["all is dropped", "answers are"])
def test_cut_from_the_database_every_request_is_told_so_and_nothing_is_lost(
    running: Site, chains: tuple[str, ...] | None
) -> None:
    how: dict[str, Any] = {"chains": chains} if chains else {}
    with running.in_front() as stack:
        before = stack.post(slow_spec(epochs=60))
        stack.wait_for_epoch(before, 2)
        with running.cut(FRONT, DATABASE, **how):
            for http in (stack.http, running.other_http):
                http.timeout = httpx.Timeout(A_HANG_S)
                assert http.get("/healthz").status_code == 200
                for answer in _ask_as_a_crowd(http, before):
                    assert answer.status_code == 503, answer.text
                    assert answer.headers["content-type"] == "application/problem+json"
                    assert answer.json()["code"] == "database_unavailable"
                    assert int(answer.headers["retry-after"]) > 0
                ready = http.get("/readyz")
                assert (ready.status_code, missing(ready)) == (503, ["/database"])
        # All of the crowd, and now once more: one job, whatever of it had arrived.
        made = {_post_insistently(http) for http in (stack.http, running.other_http)}
        assert len(made) == 1
        assert stack.ended(before)["attempt"] == 1  # the worker was never cut off
        for job_id in made:
            assert stack.ended(job_id)["status"] == "succeeded"
        stack.wait_until_ready()
    running.assert_undisturbed([before, *made])


def _ask_as_a_crowd(http: httpx.Client, job_id: str) -> list[httpx.Response]:
    def ask(number: int) -> httpx.Response:
        return _post(http) if number % 2 else http.get(f"/v1/jobs/{job_id}")

    # Its threads are in the room in which they are made.
    with ThreadPoolExecutor(CROWD) as pool:
        return list(pool.map(ask, range(CROWD)))


def _post(http: httpx.Client) -> httpx.Response:
    return http.post("/v1/jobs", json=digits_spec(), headers={"Idempotency-Key": "one job"})


def _post_insistently(http: httpx.Client) -> str:
    def accepted() -> str | None:
        answer = _post(http)
        return str(answer.json()["id"]) if answer.status_code == 202 else None

    return wait_for(accepted, what="the API finds its database again")
