"""Bodies that are no specs before anybody reads them: no JSON, of another type, too large. Each has
one clear answer, and nothing is stored."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from service.settings import Settings
from tests.integration.api.problems import problem

JSON_TYPE = {"Content-Type": "application/json"}
LIMIT = Settings().limits.max_body_bytes


@pytest.fixture(autouse=True)
def _nothing_is_stored(still: httpx.Client, path: str) -> Iterator[None]:
    yield
    assert still.get(path).json()["data"] == []


@pytest.fixture(params=["/v1/jobs", "/v1/sweeps", "/v1/studies"])
def path(request: pytest.FixtureRequest) -> str:
    """Every path that takes JSON."""
    posted: str = request.param
    return posted


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{", "line 1, column 2"),
        (b'{"epochs": 1\n "seed": 2}', "line 2, column 2"),
        (b'{"epochs": 01}', "line 1"),
        (b"{'epochs': 1}", "double quotes"),
        (b'{"name": "a\nb"}', "control character"),
        (b'{"epochs": 1} {}', "Extra data"),
        (b'{"name": "\xff"}', "Byte 11 of the body is not UTF-8"),
        (b"\xef\xbb\xbf{}", "BOM"),
        ("{}".encode("utf-16"), "not UTF-8"),
        (b"[" * 10_000, "nested"),
        (b"[" * 10_000 + b"]" * 10_000, "nested"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "nested"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "nested"),
        (b'{"epochs": 1, "epochs": 2}', "twice"),
        (b'{"network": {"kind": "mlp", "kind": "linear"}}', "'kind'"),
        (b'{"epochs": 1' + b"0" * 5000 + b"}", "digits"),
    ],
)
def test_what_is_not_json_is_refused(
    still: httpx.Client, path: str, content: bytes, hint: str
) -> None:
    answer = still.post(path, content=content, headers=JSON_TYPE)
    assert hint in problem(answer, "malformed_json")["detail"]


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
        "json",
        "",
    ],
)
def test_a_body_of_another_type_is_refused(still: httpx.Client, path: str, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    problem(still.post(path, content=b"{}", headers=headers), "unsupported_media_type")


def _chunks() -> Iterator[bytes]:
    for _ in range(LIMIT // 65_536 + 2):
        yield b" " * 65_536


@pytest.mark.parametrize("body", [lambda: b" " * (LIMIT + 1), lambda: b" " * 10_000_000, _chunks])
def test_a_body_over_the_limit_is_refused(
    still: httpx.Client, body: Callable[[], bytes | Iterator[bytes]], path: str
) -> None:
    response = still.post(path, content=body(), headers=JSON_TYPE)
    assert "1,048,576" in problem(response, "body_too_large")["detail"]


def test_a_body_at_the_limit_is_read(still: httpx.Client, path: str) -> None:
    answer = still.post(path, content=b" " * LIMIT, headers=JSON_TYPE)
    assert "empty" in problem(answer, "malformed_json")["detail"]
