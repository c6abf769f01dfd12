"""Where keys are needed: signing in, out, and what becomes of a key that ends."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import redis
from playwright.sync_api import Browser, Page, expect

from service.db import Database, keys
from service.domain.access import ApiKey, Scope
from service.settings import Settings
from tests.browser.axe import serious
from tests.browser.test_quality import VIEWS
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
    expect(visitor.get_by_label("API key")).to_be_visible()
    for width, scheme in VIEWS:
        visitor.set_viewport_size({"width": width, "height": 768})
        visitor.emulate_media(color_scheme=scheme)
        assert serious(visitor) == [], f"{width} pixels, {scheme}"

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
    # A request that goes without the key, as one under way may, does not hide why.
    visitor.goto("/sweeps")
    visitor.wait_for_url(re.compile("/signin"))
    expect(visitor.locator("main")).to_contain_text("This key was revoked.")


def test_the_way_back_leads_nowhere_else(visitor: Page, keyed: tuple[Stack, Database, str]) -> None:
    visitor.goto("/signin?next=https://evil.example/x")
    sign_in(visitor, keyed[2])
    visitor.wait_for_url(re.compile("/$"))
    assert httpx.URL(visitor.url).host == "127.0.0.1"


def test_what_is_copied_takes_the_key_from_the_environment(
    visitor: Page, keyed: tuple[Stack, Database, str]
) -> None:
    stack, _, token = keyed
    visitor.goto("/jobs/new")
    sign_in(visitor, token)
    visitor.wait_for_url(re.compile("/jobs/new$"))
    text = visitor.get_by_label("The spec, to copy")
    hint = visitor.get_by_text("environment variable SUBGRAD_API_KEY")
    for form, start in (("curl", ["sh", "-c"]), ("Python", [sys.executable, "-c"])):
        visitor.get_by_role("button", name=form, exact=True).click()
        program = text.inner_text()
        assert token not in program
        expect(hint).to_be_visible()
        (job_id,) = set(re.findall("job_[0-9a-f]{32}", run([*start, program], token)))
        assert stack.job(job_id)["spec"]["optimizer"]["name"] == "adam", form
    visitor.get_by_role("button", name="JSON", exact=True).click()
    expect(hint).to_be_hidden()


def test_the_first_sweep_takes_the_key_from_the_environment(
    visitor: Page, keyed: tuple[Stack, Database, str]
) -> None:
    stack, _, token = keyed
    visitor.goto("/sweeps")
    sign_in(visitor, token)
    expect(visitor.locator(".empty")).to_contain_text("environment variable SUBGRAD_API_KEY")
    program = visitor.locator(".empty pre").inner_text()
    assert token not in program
    run(["sh", "-c", program], token)
    (sweep,) = stack.http.get("/v1/sweeps").raise_for_status().json()["data"]
    expect(visitor.get_by_role("link", name=sweep["name"])).to_be_visible()


def run(program: list[str], token: str) -> str:
    """What the program says where the key is in its environment."""
    environment = os.environ | {"SUBGRAD_API_KEY": token}
    return subprocess.run(
        program, env=environment, capture_output=True, text=True, check=True, timeout=60
    ).stdout
