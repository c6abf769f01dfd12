"""Tabs that nobody sees: a browser has six connections to a service, and a stream holds one."""

import re

from playwright.sync_api import Page, Request, expect

from service.db import Database
from tests.browser.recorded import end, running, told
from tests.integration.db.record import record

_SEE = """isSeen => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => !isSeen });
    document.dispatchEvent(new Event("visibilitychange"));
}"""
"""Headless pages are always seen, so a page is told otherwise."""


def _is_stream(request: Request) -> bool:
    return request.url.endswith("/events")


def test_a_hidden_page_lets_go_of_its_stream_and_takes_it_up_where_it_was(
    page: Page, database: Database
) -> None:
    job_id, held = running(database, epochs=50)
    record(database, held, told(job_id, 0), told(job_id, 1))
    page.goto(f"/jobs/{job_id}")
    epoch = page.locator(".vitals dd").first
    expect(epoch).to_have_text("1 of 50")
    record(database, held, told(job_id, 2))
    expect(epoch).to_have_text("2 of 50")
    with page.expect_event("requestfailed", _is_stream):
        page.evaluate(_SEE, False)
    record(database, held, told(job_id, 3))
    with page.expect_request("**/events") as asked:
        page.evaluate(_SEE, True)
    assert re.fullmatch(r"\d+-2", asked.value.headers["last-event-id"])
    expect(epoch).to_have_text("3 of 50")
    expect(page.locator("#connection")).to_be_hidden()
    end(database, held)
    expect(page.locator(".head .status")).to_have_text("succeeded")


def test_a_short_look_elsewhere_breaks_nothing(page: Page, database: Database) -> None:
    job_id, held = running(database, epochs=50)
    record(database, held, told(job_id, 0))
    streams: list[str] = []
    page.on("request", lambda one: streams.append(one.url) if _is_stream(one) else None)
    page.goto(f"/jobs/{job_id}")
    expect(page.locator(".vitals dd").first).to_have_text("0 of 50")
    page.evaluate(_SEE, False)
    page.evaluate(_SEE, True)
    record(database, held, told(job_id, 1))
    expect(page.locator(".vitals dd").first).to_have_text("1 of 50")
    end(database, held)
    expect(page.locator(".head .status")).to_have_text("succeeded")
    assert len(streams) == 1


def test_there_may_be_more_tabs_than_connections(page: Page, database: Database) -> None:
    job_id, held = running(database, epochs=50)
    record(database, held, told(job_id, 0))
    tabs = []
    for _ in range(6):
        tab = page.context.new_page()
        with tab.expect_request("**/events"):
            tab.goto(f"/jobs/{job_id}")
        tabs.append(tab)
    for tab in tabs:
        tab.evaluate(_SEE, False)
    page.goto("/")  # waits for ever where they keep their streams
    expect(page.locator("tbody tr").first).to_be_visible()
    tabs[0].evaluate(_SEE, True)
    record(database, held, told(job_id, 1))
    expect(tabs[0].locator(".vitals dd").first).to_have_text("1 of 50")
    end(database, held)
