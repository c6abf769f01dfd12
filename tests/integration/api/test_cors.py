"""Pages of other sites: none may read answers, unless its origin is named."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.api import create_app
from service.db import Database
from service.settings import Settings
from tests.integration.api.conftest import serving
from tests.integration.api.owners import make_key
from tests.integration.api.problems import problem
from tests.specs import SMALL

LAB = {"Origin": "https://lab.example"}
EVIL = {"Origin": "https://evil.example"}
ASKS = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "Authorization"}


def allowed(answer: httpx.Response) -> dict[str, str]:
    return {name: v for name, v in answer.headers.items() if name.startswith("access-control")}


@pytest.fixture
def open_to_lab(tmp_path: Path, sqlite_url: str) -> Iterator[httpx.Client]:
    settings = Settings(
        home=tmp_path, database_url=sqlite_url, cors_origins="https://lab.example, http://b.example"
    )
    with serving(create_app(settings)) as url, httpx.Client(base_url=url, timeout=20) as http:
        yield http


def test_by_default_no_page_of_another_site_is_told_anything(still: httpx.Client) -> None:
    for headers in (LAB, EVIL):
        assert allowed(still.options("/v1/jobs", headers=headers | ASKS)) == {}
        assert allowed(still.get("/v1/jobs", headers=headers)) == {}
    problem(still.post("/v1/jobs", json=SMALL, headers=LAB), "cross_origin")


def test_a_page_whose_origin_is_named_may_ask_and_read(open_to_lab: httpx.Client) -> None:
    preflight = open_to_lab.options("/v1/jobs", headers=LAB | ASKS)
    assert preflight.status_code == 200
    told = allowed(preflight)
    assert told["access-control-allow-origin"] == "https://lab.example"
    assert "POST" in told["access-control-allow-methods"]
    assert "Authorization" in told["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in told
    posted = open_to_lab.post("/v1/jobs", json=SMALL, headers=LAB)
    assert posted.status_code == 202
    assert allowed(posted)["access-control-allow-origin"] == "https://lab.example"
    assert "Location" in allowed(posted)["access-control-expose-headers"]
    assert "Origin" in posted.headers["vary"]


def test_every_other_page_is_refused(open_to_lab: httpx.Client) -> None:
    refused = open_to_lab.options("/v1/jobs", headers=EVIL | ASKS)
    assert allowed(refused) == {}
    answer = open_to_lab.get("/v1/jobs", headers=EVIL)
    assert allowed(answer) == {}
    # A cache must not show it what the other page was told.
    assert "Origin" in answer.headers["vary"]
    problem(open_to_lab.post("/v1/jobs", json=SMALL, headers=EVIL), "cross_origin")


def test_a_page_that_may_ask_can_read_why_it_was_refused(tmp_path: Path, sqlite_url: str) -> None:
    database = Database(sqlite_url)
    make_key(database, "some")
    database.dispose()
    settings = Settings(home=tmp_path, database_url=sqlite_url, cors_origins="https://lab.example")
    with serving(create_app(settings)) as url, httpx.Client(base_url=url, timeout=20) as http:
        answer = http.get("/v1/jobs", headers=LAB)
    problem(answer, "unauthenticated")
    assert allowed(answer)["access-control-allow-origin"] == "https://lab.example"


@pytest.mark.parametrize("origins", ["*", "lab.example", "https://lab.example/path", "https://*.x"])
def test_what_is_no_origin_is_no_setting(origins: str) -> None:
    with pytest.raises(ValueError, match="is no origin"):
        Settings(cors_origins=origins)
