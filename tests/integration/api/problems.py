"""What every problem document must be."""

from typing import Any

import httpx

from service.api.errors import PROBLEMS


def problem(response: httpx.Response, code: str) -> dict[str, Any]:
    """The body of the response, which must be a whole problem document of this code."""
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["code"] == code, body
    assert body["type"] == f"urn:subgrad:problem:{code}"
    assert body["title"] == PROBLEMS[code].title
    assert body["status"] == response.status_code == PROBLEMS[code].status
    assert body["detail"]
    assert body["instance"] == response.request.url.raw_path.decode().partition("?")[0]
    assert body["request_id"] == response.headers["x-request-id"]
    return body


def pointers(response: httpx.Response, code: str) -> list[str]:
    """Where the problem lies."""
    return [error["pointer"] for error in problem(response, code)["errors"]]
