"""Where no key is needed: for whom, and what pages of other sites get."""

import httpx
import pytest
from fastapi import FastAPI

from service.db import Database
from service.settings import Settings
from tests.integration.api.problems import problem
from tests.integration.db.record import rows
from tests.specs import SMALL


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]:8000", "127.8.8.8"]
)
def test_a_keyless_service_answers_to_this_machines_names(still: httpx.Client, host: str) -> None:
    assert still.get("/v1/jobs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "10.0.0.1", "[::2]", "["],
)
def test_a_page_that_rebinds_its_name_to_this_machine_gets_nothing(
    still: httpx.Client, host: str
) -> None:
    problem(still.get("/v1/jobs", headers={"Host": host}), "unknown_host")
    problem(still.post("/v1/jobs", json=SMALL, headers={"Host": host}), "unknown_host")


def test_further_names_can_be_allowed(app: FastAPI, http: httpx.Client) -> None:
    app.state.settings = app.state.settings.model_copy(update={"allowed_hosts": "api, Other"})
    for host in ("api:8000", "other"):
        assert http.get("/v1/jobs", headers={"Host": host}).status_code == 200
    problem(http.get("/v1/jobs", headers={"Host": "third"}), "unknown_host")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
def test_a_page_of_another_site_changes_nothing(
    http: httpx.Client, database: Database, headers: dict[str, str]
) -> None:
    problem(http.post("/v1/jobs", json=SMALL, headers=headers), "cross_origin")
    assert rows(database, "SELECT count(*) FROM jobs") == [(0,)]


def test_the_services_own_pages_and_programs_may(http: httpx.Client) -> None:
    own = str(http.base_url).rstrip("/")
    for headers in (
        {"Sec-Fetch-Site": "same-origin", "Origin": own},
        {"Sec-Fetch-Site": "none"},
        {"Origin": own},
        {},
    ):
        assert http.post("/v1/jobs", json=SMALL, headers=headers).status_code == 202


def test_beyond_loopback_a_key_is_needed_even_where_none_was_made(
    app: FastAPI, http: httpx.Client
) -> None:
    app.state.settings = app.state.settings.model_copy(update={"published_host": "10.0.0.7"})
    problem(http.get("/v1/jobs"), "unauthenticated")
    assert http.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("host", "published", "exposed"),
    [
        ("127.0.0.1", "", False),
        ("localhost", "", False),
        ("::1", "", False),
        ("0.0.0.0", "", True),  # noqa: S104
        ("::", "", True),
        ("192.168.0.5", "", True),
        ("0.0.0.0", "127.0.0.1", False),  # noqa: S104
        ("0.0.0.0", "0.0.0.0", True),  # noqa: S104
        ("127.0.0.1", "subgrad.example", True),
    ],
)
def test_what_counts_as_beyond_loopback(host: str, published: str, exposed: bool) -> None:
    assert Settings(host=host, published_host=published).is_exposed is exposed
