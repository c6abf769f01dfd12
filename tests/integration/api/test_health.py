"""Liveness and readiness."""

import httpx
from fastapi import FastAPI

from service.api import create_app
from service.db import Database, workers
from service.queue import broker_is_reachable
from service.settings import Settings
from tests.integration.api.conftest import serving
from tests.integration.api.problems import pointers, problem

WITHOUT_BROKER = "redis://127.0.0.1:1/0"


def _start_worker(database: Database, *, ready: bool) -> None:
    with database.writing() as session:
        worker = workers.Worker(id="wrk_1", host="here", pid=1, slots=1)
        workers.report(session, worker, ready=ready)


def test_it_is_ready_with_database_broker_and_worker(
    app: FastAPI, http: httpx.Client, database: Database, settings: Settings
) -> None:
    app.state.settings = settings
    _start_worker(database, ready=True)
    response = http.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ready"})


def test_each_missing_part_is_named(app: FastAPI, http: httpx.Client, database: Database) -> None:
    app.state.broker_answers = lambda _: False
    _start_worker(database, ready=False)
    response = http.get("/readyz")
    assert pointers(response, "not_ready") == ["/worker", "/broker"]
    assert response.headers["retry-after"] == "2"


def test_without_its_database_it_lives_and_says_what_is_wrong() -> None:
    gone = Settings(database_url="postgresql://nobody@127.0.0.1:1/nothing")
    app = create_app(gone, broker_answers=lambda _: True)
    with serving(app) as url, httpx.Client(base_url=url, timeout=20) as http:
        assert http.get("/healthz").json() == {"status": "alive"}
        assert pointers(http.get("/readyz"), "not_ready") == ["/database"]
        refused = http.get("/v1/jobs")
        problem(refused, "database_unavailable")
        assert refused.headers["retry-after"] == "2"


def test_a_broker_that_is_not_there_is_not_reachable() -> None:
    assert not broker_is_reachable(Settings(broker_url=WITHOUT_BROKER))
