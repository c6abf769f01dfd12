"""Request ids, headers, and the answer to a fault of our own."""

import httpx
import pytest
from fastapi import FastAPI
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from tests.integration.api.problems import problem


@pytest.mark.parametrize("given", ["a", "trace-1.2:3/4=+@~_", "x" * 128])
def test_a_request_id_is_kept(still: httpx.Client, given: str) -> None:
    response = still.get("/healthz", headers={"X-Request-Id": given})
    assert response.headers["x-request-id"] == given


@pytest.mark.parametrize("given", [b"", b"x" * 129, b"a b", b"a\tb", b"<b>", b"\xe9"])
def test_an_unsafe_request_id_is_replaced(still: httpx.Client, given: bytes) -> None:
    response = still.get("/healthz", headers={b"X-Request-Id": given})
    assert response.headers["x-request-id"].startswith("req_")


def test_each_request_gets_an_id_of_its_own(still: httpx.Client) -> None:
    ids = {still.get("/healthz").headers["x-request-id"] for _ in range(5)}
    assert len(ids) == 5


def test_a_fault_is_answered_without_its_inside_and_logged_with_it(
    app: FastAPI, http: httpx.Client
) -> None:
    def fail(_: object) -> bool:
        raise RuntimeError("a secret")

    app.state.broker_answers = fail
    with capture_logs([merge_contextvars]) as logs:
        response = http.get("/readyz", headers={"X-Request-Id": "find-me"})
    body = problem(response, "internal_error")
    assert "secret" not in response.text
    assert body["request_id"] == "find-me"
    entry, answered = logs
    assert (entry["request_id"], entry["path"], entry["exc_info"]) == ("find-me", "/readyz", True)
    assert (answered["event"], answered["status"]) == ("answered", 500)


@pytest.mark.parametrize("path", ["/", "/docs", "/v1/jobs", "/nope"])
def test_every_answer_has_the_security_headers(still: httpx.Client, path: str) -> None:
    headers = still.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers
