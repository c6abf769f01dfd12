"""Where keys are needed: signing in, out, and what becomes of a key that ends."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import redis
from playwright.sync_api import Browser, Page, expect

from service.db import Database, keys
from service.domain.access import ApiKey, Scope
from service.settings import Settings
from tests.browser.test_quality import _AXE, _SERIOUS
from tests.stack import Stack, digits_spec


@pytest.fixture(scope="module")
def keyed(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, redis_url: str
) -> Iterator[tuple[Stack, Database, str]]:
    """A service that needs keys, its database, and a key."""
    home = tmp_path_factory.mktemp("keyed")
    url = f"sqlite:///{shutil.copyfile(sqlite_template, home / 'subgrad.sqlite3')}"
    with redis.Redis.from_url(redis_url) as client:
        client.ping()
    database = Database(url)
    _, token = make(database, "first")
    stack = Stack(Settings(home=home, database_url=url, broker_url=redis_url, queue="keyed"))
    stack.http.headers["Authorization"] = f"Bearer {token}"
    # Nothing is trained here: a job waits, and is cancelled.
    stack.start("service.api")
    stack.wait_until_listening()
    yield stack, database, token
    stack.close()
    database.dispose()


def make(database: Database, name: str) -> tuple[ApiKey, str]:
    with database.writing() as session:
        return keys.create(session, name=name, scopes=[Scope.READ, Scope.WRITE], owner="lab")


@pytest.fixture
def visitor(browser: Browser, keyed: tuple[Stack, Database, str]) -> Iterator[Page]:
    """A page of somebody who has not signed in."""
    context = browser.new_context(base_url=str(keyed[0].http.base_url))
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()


def sign_in(page: Page, token: str) -> None:
    page.get_by_label("API key").fill(token)
    page.get_by_role("button", name="Sign in").click()


def test_a_visitor_signs_in_and_follows_a_job_live(
    visitor: Page, keyed: tuple[Stack, Database, str]
) -> None:
    stack, _, token = keyed
    job_id = stack.post(digits_spec(epochs=2))
    visitor.goto(f"/jobs/{job_id}")
    visitor.wait_for_url(re.compile("/signin"))
    visitor.evaluate(_AXE)
    found = visitor.evaluate("axe.run()")["violations"]
    assert [one["id"] for one in found if one["impact"] in _SERIOUS] == []

    sign_in(visitor, "sgk_000000000000_" + "A" * 43)
    expect(visitor.locator("#key-wrong")).to_have_text("There is no such key.")
    expect(visitor.get_by_label("API key")).to_be_focused()

    sign_in(visitor, token)
    visitor.wait_for_url(re.compile(f"/jobs/{job_id}$"))
    expect(visitor.locator(".status")).to_have_text("queued")
    stack.http.post(f"/v1/jobs/{job_id}/cancel").raise_for_status()
    expect(visitor.locator(".status")).to_have_text("cancelled: user")

    visitor.get_by_role("button", name="Sign out").click()
    visitor.wait_for_url(re.compile("/signin"))
    visitor.goto("/")
    visitor.wait_for_url(re.compile("/signin"))


def test_a_key_that_ends_leads_back_to_the_sign_in(
    visitor: Page, keyed: tuple[Stack, Database, str]
) -> None:
    _, database, _ = keyed
    key, token = make(database, "short")
    visitor.goto("/sweeps")
    sign_in(visitor, token)
    visitor.wait_for_url(re.compile("/sweeps$"))
    with database.writing() as session:
        keys.revoke(session, key.id)
    visitor.reload()
    visitor.wait_for_url(re.compile("/signin"))
    expect(visitor.locator("main")).to_contain_text("This key was revoked.")


def test_the_way_back_leads_nowhere_else(visitor: Page, keyed: tuple[Stack, Database, str]) -> None:
    visitor.goto("/signin?next=https://evil.example/x")
    sign_in(visitor, keyed[2])
    visitor.wait_for_url(re.compile("/$"))
    assert httpx.URL(visitor.url).host == "127.0.0.1"
