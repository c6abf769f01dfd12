"""What the pages say while there is nothing to show: what to do."""

import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import serious
from tests.browser.test_quality import VIEWS
from tests.stack import Stack

EMPTY = {
    "/": "No jobs yet",
    "/sweeps": "No sweeps yet",
    "/studies": "No studies yet",
    "/datasets": "No data sets yet",
    "/compare": "Choose two jobs or more",
}


@pytest.fixture
def first(browser: Browser, empty_stack: Stack) -> Iterator[Page]:
    """A page of somebody who comes first."""
    context = browser.new_context(base_url=str(empty_stack.http.base_url))
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("path", EMPTY)
def test_axe_finds_nothing_serious_where_there_is_nothing(first: Page, path: str) -> None:
    first.goto(path)
    expect(first.locator(".empty h2")).to_have_text(EMPTY[path])
    for width, scheme in VIEWS:
        first.set_viewport_size({"width": width, "height": 768})
        first.emulate_media(color_scheme=scheme)
        assert serious(first) == [], f"{width} pixels, {scheme}"
        assert first.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    ("path", "link", "target"),
    [
        ("/", "Submit the first one", "/jobs/new$"),
        ("/datasets", "a new job", "/jobs/new$"),
        ("/compare", "the list of jobs", "/$"),
    ],
)
def test_a_link_leads_on(first: Page, path: str, link: str, target: str) -> None:
    first.goto(path)
    first.locator(".empty").get_by_role("link", name=link).click()
    first.wait_for_url(re.compile(target))


def test_the_command_for_a_first_sweep_works_as_pasted(
    first: Page, empty_stack: Stack, stack: Stack
) -> None:
    first.goto("/sweeps")
    command = first.locator(".empty pre").inner_text()
    here, there = (str(one.http.base_url).rstrip("/") for one in (empty_stack, stack))
    assert here in command
    elsewhere = ["sh", "-c", command.replace(here, there)]  # here it stays empty
    said = subprocess.run(elsewhere, capture_output=True, text=True, check=True, timeout=60).stdout
    (sweep,) = set(re.findall("swp_[0-9a-f]{32}", said))
    made: dict[str, Any] = stack.http.get(f"/v1/sweeps/{sweep}").raise_for_status().json()
    assert made["members"] == 27
    stack.http.post(f"/v1/sweeps/{sweep}/cancel").raise_for_status()


def test_the_claims_are_there_before_any_study(first: Page, empty_stack: Stack) -> None:
    first.goto("/studies")
    expect(first.locator(".empty")).to_contain_text("Run one of the claims below")
    templates = empty_stack.http.get("/v1/studies").json()["templates"]
    expect(first.locator(".tiles .card")).to_have_count(len(templates))
    expect(first.get_by_role("button", name="Run quick")).to_have_count(len(templates))


def test_a_file_can_be_uploaded_above_the_empty_list(first: Page) -> None:
    first.goto("/datasets")
    expect(first.locator(".empty")).to_contain_text("file above")
    expect(first.get_by_role("button", name="Upload")).to_be_visible()
