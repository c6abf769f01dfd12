"""Who gets in by a key, and what is open without."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from starlette.routing import BaseRoute, Mount

from service.api import pages
from service.api.middleware.gate import OPEN_PATHS, Doors
from service.db import Database, keys
from service.domain.access import Scope
from service.settings import Settings
from tests.integration.api.owners import make_key, notice_keys, signed_in
from tests.integration.api.problems import problem
from tests.integration.db.record import rows
from tests.specs import SMALL


@pytest.fixture
def keyed(app: FastAPI, http: httpx.Client, database: Database) -> httpx.Client:
    """A client without a key of a service that has one."""
    make_key(database, "some")
    notice_keys(app)
    return http


def every_route(routes: list[BaseRoute]) -> Iterator[BaseRoute]:
    """The app's routes, those of included routers among them."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is None:
            yield route
        else:
            yield from every_route(included.routes)


def test_every_route_is_closed_or_listed_as_open(app: FastAPI, keyed: httpx.Client) -> None:
    routes = list(every_route(app.router.routes))
    assert len(routes) > 30
    for route in routes:
        path = re.sub(r"{\w+(:path)?}", "x", str(route.path))  # type: ignore[attr-defined]
        methods = getattr(route, "methods", None) or {"GET"}
        for method in methods:
            answer = keyed.request(method, f"{path}/x" if isinstance(route, Mount) else path)
            is_open = path in OPEN_PATHS or route in pages.router.routes
            if is_open and method in ("GET", "HEAD"):
                assert answer.status_code in (200, 404, 503), (method, path)
            else:
                assert answer.status_code == 401, (method, path)


@pytest.mark.parametrize("path", ["/v1/nothing", "/nothing", "/v1", "/v1/jobs/", "/V1/jobs"])
def test_what_is_nowhere_is_closed_too(keyed: httpx.Client, path: str) -> None:
    problem(keyed.get(path), "unauthenticated")


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/healthz", "/openapi.json", "/docs"])
def test_what_is_open_is_open_for_reading_alone(keyed: httpx.Client, path: str) -> None:
    assert keyed.get(path).status_code == 200
    assert keyed.head(path).status_code == 200
    problem(keyed.post(path), "unauthenticated")


def test_the_open_pages_know_nobody(app: FastAPI) -> None:
    """They are open because they are files: their module could not look anything up."""
    tree = ast.parse(Path(pages.__file__).read_text(encoding="utf-8"))
    known = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {str(name).split(".")[0] for name in known} <= {
        "fastapi",
        "functools",
        "importlib",
        "pathlib",
        "typing",
        "collections",
    }


def test_the_document_says_what_each_operation_asks_for(keyed: httpx.Client) -> None:
    document = keyed.get("/openapi.json").json()
    (name,) = document["components"]["securitySchemes"]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if path in OPEN_PATHS:
                assert operation["security"] == []
                continue
            ((scope,),) = [needed[name] for needed in operation["security"]]
            assert Scope(scope) is (Scope.READ if method == "get" else Scope.WRITE) or (
                scope == "admin"
            )
            assert {"401", "403", "421"} <= operation["responses"].keys()


def test_a_key_opens_what_its_scopes_say(
    app: FastAPI, served: tuple[FastAPI, str], database: Database
) -> None:
    answers: dict[str, list[int]] = {}
    needed: dict[str, set[str]] = {}
    for scope in Scope:
        _, token = make_key(database, scope, scope)
        notice_keys(app)
        with signed_in(served[1], token) as client:
            asked = [
                client.get("/v1/jobs"),
                client.post("/v1/jobs", json=SMALL),
                client.get("/v1/audit"),
            ]
        answers[scope] = [one.status_code for one in asked]
        for one in asked:
            if one.status_code == 403:
                problem(one, "insufficient_scope")
                asked_for = one.headers["www-authenticate"].rpartition("scope=")[2]
                needed.setdefault(scope, set()).add(asked_for)
    assert needed == {"read": {'"write"', '"admin"'}, "write": {'"read"', '"admin"'}}
    assert answers == {
        "read": [200, 403, 403],
        "write": [403, 202, 403],
        "admin": [200, 202, 200],
    }


BAD = {
    "none": None,
    "empty": "",
    "another scheme": "Basic YWxhZGRpbjpvcGVu",
    "no key": "Bearer",
    "no form of a key": "Bearer abc",
    "never made": f"Bearer sgk_{0:012x}_{'A' * 43}",
    "letters that are none": "Bearer sgk_ÿ",
}


@pytest.mark.parametrize("given", BAD)
def test_without_a_right_key_nobody_gets_in(keyed: httpx.Client, given: str) -> None:
    value = BAD[given]
    headers = {} if value is None else {b"Authorization": value.encode("latin-1")}
    answer = keyed.get("/v1/jobs", headers=headers)
    problem(answer, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith('Bearer realm="subgrad"')


def test_the_right_prefix_with_another_secret_opens_nothing(
    app: FastAPI, http: httpx.Client, database: Database
) -> None:
    _, token = make_key(database, "one")
    notice_keys(app)
    for other in (token[:-1] + ("A" if token[-1] != "A" else "B"), token[:17] + "A" * 43):
        answer = http.get("/v1/jobs", headers={"Authorization": f"Bearer {other}"})
        problem(answer, "unauthenticated")


def test_an_expired_key_is_told_so_and_opens_nothing(
    app: FastAPI, http: httpx.Client, database: Database
) -> None:
    with database.writing() as session:
        _, token = keys.create(session, name="short", scopes=[Scope.ADMIN], expires_s=-1)
    notice_keys(app)
    answer = http.get("/v1/jobs", headers={"Authorization": f"Bearer {token}"})
    assert "expired" in problem(answer, "unauthenticated")["detail"]
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_a_revoked_key_opens_nothing_from_then_on(
    app: FastAPI, served: tuple[FastAPI, str], database: Database
) -> None:
    key, token = make_key(database, "lost")
    notice_keys(app)
    with signed_in(served[1], token) as client:
        assert client.get("/v1/jobs").status_code == 200
        with database.writing() as session:
            keys.revoke(session, key.id)
        problem(client.get("/v1/jobs"), "unauthenticated")


def test_after_a_rotation_both_work_until_the_overlap_ends(
    app: FastAPI, served: tuple[FastAPI, str], database: Database
) -> None:
    key, old = make_key(database, "ci", owner="lab")
    notice_keys(app)
    for overlap_s, still in ((3600, 200), (0, 401)):
        with database.writing() as session:
            made, new = keys.rotate(session, key.id, overlap_s=overlap_s)
        assert (made.name, made.owner, made.scopes) == (key.name, key.owner, key.scopes)
        with signed_in(served[1], old) as before, signed_in(served[1], new) as after:
            assert before.get("/v1/jobs").status_code == still
            assert after.get("/v1/jobs").status_code == 200


def test_when_a_key_was_used_is_kept_to_the_minute(
    app: FastAPI, served: tuple[FastAPI, str], database: Database
) -> None:
    key, token = make_key(database, "one")
    notice_keys(app)
    used: list[Any] = []
    with signed_in(served[1], token) as client:
        for _ in range(2):
            client.get("/v1/jobs")
            with database.reading() as session:
                used.append(keys.find(session, key.id).last_used_at)
    assert used[0] is not None
    assert used[0] == used[1]


@pytest.mark.parametrize("which", ["jobs", "sweeps"])
def test_a_stream_ends_when_its_key_is_revoked(
    app: FastAPI,
    served: tuple[FastAPI, str],
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    which: str,
) -> None:
    monkeypatch.setattr("service.api.stream.PING_S", 0.3)
    key, token = make_key(database, "one")
    notice_keys(app)
    body = SMALL if which == "jobs" else {"base": SMALL, "axes": {"seed": [1, 2]}}
    with signed_in(served[1], token) as client:
        made = client.post(f"/v1/{which}", json=body).raise_for_status().json()
        with client.stream("GET", f"/v1/{which}/{made['id']}/events") as stream:
            lines = stream.iter_lines()
            while not next(lines).startswith(":"):  # it goes on while the key is good
                pass
            with database.writing() as session:
                keys.revoke(session, key.id)
            assert "event: end" not in list(lines)  # and closes by itself
        assert client.get(f"/v1/{which}/{made['id']}/events").status_code == 401


def test_where_its_use_cannot_be_noted_a_key_reads_all_the_same(
    app: FastAPI, served: tuple[FastAPI, str], database: Database
) -> None:
    """As on a full disk."""
    _, token = make_key(database, "one")
    notice_keys(app)
    refused: list[str] = []

    @event.listens_for(served[0].state.database.engine, "before_cursor_execute")
    def refuse(_connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        if statement.startswith("UPDATE api_keys"):
            refused.append(statement)
            raise OperationalError(statement, {}, Exception("no space left on device"))

    with signed_in(served[1], token) as client:
        for _ in range(2):
            client.get("/v1/jobs").raise_for_status()
    event.remove(served[0].state.database.engine, "before_cursor_execute", refuse)
    assert len(refused) == 2  # noted the next time, if it can be


def test_the_secret_itself_is_kept_nowhere(database: Database) -> None:
    _, token = make_key(database, "one")
    secret = token.split("_", 2)[2]
    assert secret not in str(rows(database, "SELECT * FROM api_keys"))


def test_one_request_of_a_crowd_asks_whether_keys_are_needed(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    doors, now = Doors(), 100.0
    monkeypatch.setattr("service.api.middleware.gate.time.monotonic", lambda: now)
    doors.claim()
    assert doors.recall(database, settings) is None  # nothing is known yet, so nobody may go on
    doors.find_out(database)
    assert doors.recall(database, settings) is False
    now += 5
    assert doors.recall(database, settings) is None
    doors.claim()
    assert doors.recall(database, settings) is False
    make_key(database, "first")
    now += 5
    assert doors.recall(database, settings) is None
    doors.find_out(database)
    assert doors.recall(database, settings) is True


def test_revoking_the_last_key_does_not_open_the_doors(
    app: FastAPI, http: httpx.Client, database: Database
) -> None:
    key, _ = make_key(database, "only")
    with database.writing() as session:
        keys.revoke(session, key.id)
    notice_keys(app)
    problem(http.get("/v1/jobs"), "unauthenticated")


def test_each_change_has_a_line_in_the_audit_log(
    app: FastAPI, served: tuple[FastAPI, str], database: Database
) -> None:
    key, token = make_key(database, "ada", owner="lab")
    _, admin = make_key(database, "boss", "admin")
    notice_keys(app)
    with signed_in(served[1], token) as client:
        job = client.post("/v1/jobs", json=SMALL, headers={"X-Request-Id": "r-1"}).json()["id"]
        client.post("/v1/jobs?dry_run=true", json=SMALL)
        client.post("/v1/jobs", json={})
        client.get(f"/v1/jobs/{job}")
        client.post(f"/v1/jobs/{job}/cancel", headers={"X-Request-Id": "r-2"})
        client.post(f"/v1/jobs/{job}/cancel")
    with signed_in(served[1], admin) as client:
        log = client.get("/v1/audit").json()["data"]
    told = [
        (one["owner"], one["key_id"], one["method"], one["path"], one["resource_id"]) for one in log
    ]
    by = ("lab", key.id, "POST")
    assert told == [(*by, f"/v1/jobs/{job}/cancel", None), (*by, "/v1/jobs", job)]
    assert [one["request_id"] for one in log] == ["r-2", "r-1"]
