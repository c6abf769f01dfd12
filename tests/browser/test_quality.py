"""Every page: for everybody, at every width, dark and light."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from service.db import Database
from tests.browser.axe import serious
from tests.browser.complaints import Complaints
from tests.browser.recorded import running, with_units
from tests.browser.screenshots import upload_leaves
from tests.integration.db.record import epoch, record
from tests.stack import Stack, digits_spec

# As little as makes a page of everything that a study's page can have.
SMALL_STUDY = {
    "template": "vanishing-gradient",
    "overrides": {"seeds": 2, "depths": [2, 3], "trained_depths": [2], "epochs": 1},
}
PAGES = ["jobs", "job", "new", "sweeps", "sweep", "lines", "compare"]
PAGES += ["datasets", "dataset", "studies", "study", "missing", "nothing", "live", "alone"]
VIEWS: list[tuple[int, Any]] = [(1366, "light"), (1366, "dark"), (390, "light")]


@pytest.fixture(scope="package")
def paths(stack: Stack, database: Database) -> dict[str, str]:
    """A path for each page, on jobs that have ended but for one."""
    one, other = (stack.post(digits_spec(seed=seed)) for seed in (0, 1))
    body = {
        "base": digits_spec(epochs=1),
        "axes": {"activation.name": ["relu", "tanh"], "optimizer.learning_rate": [0.1, 0.5]},
    }
    sweep = stack.http.post("/v1/sweeps", json=body).raise_for_status().json()["id"]
    study = stack.http.post("/v1/studies", json=SMALL_STUDY).raise_for_status().json()["id"]
    stack.ended(one)
    stack.ended(other)
    stack.http.get(f"/v1/studies/{study}", params={"wait": 60}).raise_for_status()
    stack.http.get(f"/v1/sweeps/{sweep}", params={"wait": 60}).raise_for_status()
    return {
        "jobs": "/",
        "job": f"/jobs/{one}",
        "new": "/jobs/new",
        "sweeps": "/sweeps",
        "sweep": f"/sweeps/{sweep}",
        "lines": f"/sweeps/{sweep}?as=lines",
        "compare": f"/compare?jobs={one},{other}",
        "datasets": "/datasets",
        "dataset": f"/datasets/{upload_leaves(stack.http)}",
        "studies": "/studies",
        "study": f"/studies/{study}",
        "missing": f"/jobs/{one[:-4]}0000",
        "nothing": "/?name=nobody+has+this+name",
        "live": f"/jobs/{live(database)}",
        "alone": "/compare",
    }


def live(database: Database) -> str:
    """A job that runs for as long as the tests do."""
    job_id, held = running(database, epochs=900)
    for number in range(4):
        event = epoch(job_id, number, train_loss=1.0 / (1 + number), dead_fraction=0.25)
        record(database, held, with_units(event, [0, number > 1, 0, 0]))
    return job_id


DRAWN = ".chart canvas[aria-label*='Arrow keys']"
"""One has its name at once, and this with its first values."""

SETTLED = {
    "jobs": "tbody tr",
    "job": ".unit-map",
    "new": ".facts dd",
    "sweeps": "tbody tr",
    "sweep": ".heat button",
    "lines": DRAWN,
    "compare": DRAWN,
    "datasets": "tbody tr",
    "dataset": "meter",
    "studies": ".tiles .card",
    "study": DRAWN,
    "missing": "[role=alert]",
    "nothing": ".empty",
    "live": ".unit-map",
    "alone": ".empty",
}
"""What stands on a page that has loaded."""


def look_at(page: Page, path: str, name: str) -> None:
    page.goto(path)
    expect(page.locator(SETTLED[name]).first).to_be_visible()


@pytest.fixture(autouse=True)
def _expected(complaints: Complaints) -> None:
    """One of the pages is about a job that does not exist."""
    complaints.expect("404")


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(
    page: Page, paths: dict[str, str], name: str, width: int, scheme: Any
) -> None:
    page.set_viewport_size({"width": width, "height": 768})
    page.emulate_media(color_scheme=scheme)
    look_at(page, paths[name], name)
    assert serious(page) == []


@pytest.mark.parametrize("width", [390, 1366])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_sticks_out(page: Page, paths: dict[str, str], name: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 768})
    look_at(page, paths[name], name)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", PAGES)
def test_a_page_takes_nothing_from_elsewhere(
    page: Page, paths: dict[str, str], name: str, stack: Stack
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    look_at(page, paths[name], name)
    assert asked
    assert [url for url in asked if not url.startswith(str(stack.http.base_url))] == []


def test_the_whole_form_is_reached_by_the_tab_key(page: Page) -> None:
    page.goto("/jobs/new")
    fields = page.locator("form input, form select, form button")
    expect(fields.first).to_be_visible()
    wanted = set(fields.evaluate_all("all => all.map(one => one.name || one.textContent)"))
    reached = set()
    for _ in range(2 * len(wanted) + 20):
        page.keyboard.press("Tab")
        now = "document.activeElement.name || document.activeElement.textContent"
        reached.add(page.evaluate(now))
    assert wanted - reached == set()
