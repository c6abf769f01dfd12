"""One browser and one service for all of these tests, a fresh page for each."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from playwright.sync_api import Browser, Page, expect

from service.db import Database
from service.settings import Settings
from tests.browser.chromium import launched
from tests.browser.complaints import Complaints
from tests.stack import Stack

WAIT_MS = 30_000
expect.set_options(timeout=WAIT_MS)


# Of the package and not of the session: Playwright's event loop runs in this thread meanwhile.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        if browser is None:
            message = "NO CHROMIUM FOUND: no page was looked at. Install the system's chromium"
            pytest.skip(message)
        yield browser


@pytest.fixture(scope="package")
def stack(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, redis_url: str
) -> Iterator[Stack]:
    """API, dispatch and a worker, on a database of their own."""
    home = tmp_path_factory.mktemp("browser")
    file = home / "subgrad.sqlite3"
    shutil.copyfile(sqlite_template, file)
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    stack = Stack(Settings(home=home, database_url=f"sqlite:///{file}", broker_url=redis_url))
    stack.start_all()
    yield stack
    stack.close()


@pytest.fixture(scope="package")
def database(stack: Stack) -> Iterator[Database]:
    """That of the service, for what a test records by itself."""
    database = Database(stack.settings.database_url)
    yield database
    database.dispose()


@pytest.fixture(scope="package")
def empty_stack(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, redis_url: str
) -> Iterator[Stack]:
    """The API of a service that nothing was ever asked of."""
    home = tmp_path_factory.mktemp("empty")
    url = f"sqlite:///{shutil.copyfile(sqlite_template, home / 'subgrad.sqlite3')}"
    stack = Stack(Settings(home=home, database_url=url, broker_url=redis_url, queue="empty"))
    stack.start("service.api")
    stack.wait_until_listening()
    yield stack
    stack.close()


@pytest.fixture
def complaints() -> Complaints:
    return Complaints()


@pytest.fixture
def page(browser: Browser, stack: Stack, complaints: Complaints) -> Iterator[Page]:
    """A page at 1366 x 768 that complains about nothing but what its test expects."""
    context = browser.new_context(
        base_url=str(stack.http.base_url), viewport={"width": 1366, "height": 768}
    )
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    page.on("console", lambda said: complaints.add(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.add(str(error)))
    yield page
    context.close()
    assert complaints.unexpected() == []
