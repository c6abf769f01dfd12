"""HEAD, OPTIONS, slashes at the end, and forms that nobody can have: one right answer each."""

import httpx
import pytest

from service.api.tabular import PARQUET
from service.db import Database
from tests.integration.api.problems import problem
from tests.integration.db.record import cancel, queue, queue_sweep, rows
from tests.specs import SMALL

_NOBODY = f"job_{0:032x}"

_READABLE = [
    "/v1/catalog",
    "/v1/jobs",
    "/v1/jobs?limit=1",
    "/v1/sweeps",
    "/healthz",
    "/openapi.json",
    "/",
    "/docs",
    "/static/app.js",
]


@pytest.mark.parametrize("path", _READABLE)
def test_head_is_get_without_the_body(still: httpx.Client, path: str) -> None:
    head, get = still.head(path), still.get(path)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-type", "content-length", "x-content-type-options"):
        assert head.headers.get(name) == get.headers.get(name), name


def test_head_of_a_job_has_its_etag(http: httpx.Client, database: Database) -> None:
    path = f"/v1/jobs/{queue(database)}"
    etag = http.head(path).headers["etag"]
    assert http.get(path).headers["etag"] == etag
    assert http.head(path, headers={"If-None-Match": etag}).status_code == 304


def test_head_of_a_stream_comes_back_at_once(http: httpx.Client, database: Database) -> None:
    # Neither has ended: a GET would go on until the client's time is up.
    for path in (
        f"/v1/jobs/{queue(database)}/events",
        f"/v1/sweeps/{queue_sweep(database, {'seed': [0]})}/events",
    ):
        answer = http.head(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")


def test_head_answers_errors_with_their_status(still: httpx.Client) -> None:
    for path, status in (
        (f"/v1/jobs/{_NOBODY}", 404),
        ("/v1/nothing", 404),
        ("/v1/jobs?limt=1", 422),
        (f"/v1/jobs/{_NOBODY}/cancel", 405),
    ):
        answer = still.head(path)
        assert (answer.status_code, answer.content) == (status, b"")
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/jobs", "GET, HEAD, OPTIONS, POST"),
        (f"/v1/jobs/{_NOBODY}", "DELETE, GET, HEAD, OPTIONS"),
        (f"/v1/jobs/{_NOBODY}/retry", "OPTIONS, POST"),
        (f"/v1/jobs/{_NOBODY}/events", "GET, HEAD, OPTIONS"),
        ("/v1/sweeps", "GET, HEAD, OPTIONS, POST"),
        ("/v1/datasets", "GET, HEAD, OPTIONS, POST"),
        (f"/v1/datasets/dat_{0:032x}", "DELETE, GET, HEAD, OPTIONS"),
        ("/v1/compare", "GET, HEAD, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"),
        ("/static/app.js", "GET, HEAD, OPTIONS"),
    ],
)
def test_options_names_the_methods(still: httpx.Client, path: str, allowed: str) -> None:
    answer = still.options(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["allow"] == allowed


def test_options_of_an_unknown_path_is_not_found(still: httpx.Client) -> None:
    problem(still.options("/v1/nothing"), "path_not_found")


@pytest.mark.parametrize("path", ["/v1/jobs/", f"/v1/jobs/{_NOBODY}/", "/v1/sweeps/", "/docs/"])
def test_a_slash_at_the_end_is_not_found_and_told(still: httpx.Client, path: str) -> None:
    body = problem(still.get(path), "path_not_found")
    assert f"try {path.rstrip('/')}." in body["detail"]


def test_a_post_to_a_slash_at_the_end_stores_nothing(
    http: httpx.Client, database: Database
) -> None:
    problem(http.post("/v1/jobs/", json=SMALL), "path_not_found")
    assert rows(database, "SELECT count(*) FROM jobs") == [(0,)]


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/v1/jobs", "text/html"),
        ("/v1/jobs", "application/json;q=0"),
        (f"/v1/jobs/{_NOBODY}", "text/csv"),
        (f"/v1/jobs/{_NOBODY}/epochs", "image/png"),
        (f"/v1/jobs/{_NOBODY}/units", PARQUET),
        (f"/v1/jobs/{_NOBODY}/events", "application/json"),
        ("/v1/catalog", "application/xml"),
        ("/healthz", "text/plain"),
    ],
)
def test_a_form_that_there_is_not_is_refused(still: httpx.Client, path: str, accept: str) -> None:
    body = problem(still.get(path, headers={"Accept": accept}), "not_acceptable")
    assert "this path answers with" in body["detail"]


@pytest.mark.parametrize(
    "accept",
    ["*/*", "application/*", "application/json", "text/html,*/*;q=0.1", "APPLICATION/JSON"],
)
def test_a_form_that_there_is_is_sent(still: httpx.Client, accept: str) -> None:
    assert still.get("/v1/jobs", headers={"Accept": accept}).status_code == 200


def test_a_browser_follows_a_stream(http: httpx.Client, database: Database) -> None:
    job_id = queue(database)
    cancel(database, job_id)
    path = f"/v1/jobs/{job_id}/events"
    answer = http.get(path, headers={"Accept": "text/event-stream"})
    assert (answer.status_code, answer.text.count("event: end")) == (200, 1)


def test_what_cannot_be_answered_is_not_done(http: httpx.Client, database: Database) -> None:
    for path, body in (
        ("/v1/jobs", SMALL),
        ("/v1/sweeps", {"base": SMALL, "axes": {"seed": [0]}}),
    ):
        problem(http.post(path, json=body, headers={"Accept": "text/html"}), "not_acceptable")
    assert rows(database, "SELECT count(*) FROM jobs") == [(0,)]
