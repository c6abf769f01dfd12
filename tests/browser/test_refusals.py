"""Pages that are opened while the service cannot answer, or lets nobody ask so much."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import make_url

from service.db import Database, keys
from service.domain.access import Scope
from service.settings import Settings
from tests.browser.screenshots import upload_leaves
from tests.conftest import new_database
from tests.servers.proxy import Proxy
from tests.stack import Stack, digits_spec

SETTLED = {
    "jobs": "tbody tr",
    "job": ".vitals dd",
    "new": ".preview canvas[aria-label*='derivative']",
    "sweeps": "tbody tr",
    "sweep": ".heat button",
    "compare": "table.facts tbody th",
    "datasets": "tbody tr",
    "dataset": "meter",
    "studies": "tbody tr",
    "study": ".claim",
}
"""What stands on the page of something that waits, once it has loaded."""


RATE = "2 per 2 second"
"""Fewer requests than a page has."""


def fill(http: httpx.Client) -> dict[str, str]:
    """Something for each page, none of which any worker trains; the paths of the pages."""
    one, other, sweep, study = (
        http.post(f"/v1/{kind}", json=body).raise_for_status().json()["id"]
        for kind, body in (
            ("jobs", digits_spec()),
            ("jobs", digits_spec(seed=1)),
            ("sweeps", {"base": digits_spec(), "axes": {"seed": {"range": 2}}}),
            ("studies", {"template": "vanishing-gradient"}),
        )
    )
    return {
        "jobs": "/",
        "job": f"/jobs/{one}",
        "new": f"/jobs/new?from={one}",
        "sweeps": "/sweeps",
        "sweep": f"/sweeps/{sweep}",
        "compare": f"/compare?jobs={one},{other}",
        "datasets": "/datasets",
        "dataset": f"/datasets/{upload_leaves(http)}",
        "studies": "/studies",
        "study": f"/studies/{study}",
    }


@pytest.fixture
def cuttable(
    tmp_path: Path, postgres_url: str, postgres_template: str, redis_url: str
) -> Iterator[tuple[Stack, Proxy]]:
    """An API, and the way to its database."""
    with new_database(postgres_url, postgres_template) as (_, url):
        server = make_url(url)
        with Proxy.before(server.port or 5432) as proxy:
            around = server.set(host="127.0.0.1", port=proxy.port)
            settings = Settings(
                home=tmp_path,
                database_url=around.render_as_string(hide_password=False),
                broker_url=redis_url,
                queue="cuttable",
            )
            stack = Stack(settings)
            stack.start("service.api")
            stack.wait_until_listening()
            yield stack, proxy
            stack.close()


def test_pages_opened_while_the_database_is_away_come_when_it_is_back(
    browser: Browser, cuttable: tuple[Stack, Proxy]
) -> None:
    stack, proxy = cuttable
    paths = fill(stack.http)
    context = browser.new_context(base_url=str(stack.http.base_url))
    proxy.cut()
    assert stack.http.get("/v1/jobs").status_code == 503
    tabs = {}
    for name, path in paths.items():
        tabs[name] = context.new_page()
        tabs[name].goto(path)
    for name, tab in tabs.items():
        expect(tab.get_by_role("alert"), name).to_contain_text("tries again by itself")
        expect(tab.locator("#connection"), name).to_contain_text("The service cannot do this now")
    proxy.mend()
    for name, tab in tabs.items():
        expect(tab.locator(SETTLED[name]).first, name).to_be_visible()
        expect(tab.locator("#connection"), name).to_be_hidden()
    context.close()


@pytest.fixture
def slow(tmp_path: Path, sqlite_template: Path, redis_url: str) -> Iterator[tuple[Stack, str]]:
    """An API that needs a key, and that key."""
    url = f"sqlite:///{shutil.copyfile(sqlite_template, tmp_path / 'subgrad.sqlite3')}"
    database = Database(url)
    with database.writing() as session:
        scopes = [Scope.READ, Scope.WRITE]
        _, token = keys.create(session, name="slow", scopes=scopes, owner="default")
    database.dispose()
    settings = Settings(
        home=tmp_path, database_url=url, broker_url=redis_url, queue="slow", rate="none"
    )
    stack = Stack(settings)
    stack.http.headers["Authorization"] = f"Bearer {token}"
    stack.start("service.api")
    stack.wait_until_listening()
    yield stack, token
    stack.close()


def test_a_page_that_asks_too_often_waits_as_long_as_it_is_told(
    browser: Browser, slow: tuple[Stack, str]
) -> None:
    stack, token = slow
    paths = fill(stack.http)
    stack.stop("service.api")
    stack.start("service.api", settings=stack.settings.model_copy(update={"rate": RATE}))
    stack.wait_until_listening()
    context = browser.new_context(base_url=str(stack.http.base_url))
    context.add_init_script(f"sessionStorage.setItem('subgrad-api-key', '{token}')")
    page = context.new_page()
    refused: list[str] = []
    page.on("response", lambda one: refused.append(one.url) if one.status == 429 else None)
    for name in ("jobs", "job", "new", "sweeps", "sweep", "compare", "datasets", "studies"):
        page.goto(paths[name])
        expect(page.locator(SETTLED[name]).first, name).to_be_visible()
        expect(page.get_by_role("alert").filter(visible=True), name).to_have_count(0)
    assert refused, "everything was let in: this shows nothing"
    page.goto(paths["job"])
    expect(page.locator("#connection")).to_contain_text("This page goes on by itself")
    expect(page.locator("#connection")).to_be_hidden()
    context.close()
