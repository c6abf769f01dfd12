"""Studies: run by hand, watched, read, saved, printed."""

import re

from playwright.sync_api import Page, expect

from tests.browser.drawn import drawn
from tests.stack import Stack


def test_a_claim_is_tested_from_the_page_and_its_verdict_read(page: Page, stack: Stack) -> None:
    page.goto("/studies")
    tile = page.get_by_role("region", name="vanishing-gradient")
    tile.get_by_role("button", name="Run quick").click()
    page.wait_for_url(re.compile("/studies/std_"))
    study_id = page.url.rsplit("/", 1)[-1]
    expect(page.locator(".claim")).to_contain_text("Claim:")
    expect(page.locator(".head .status")).to_have_text("succeeded", timeout=180_000)

    report = stack.http.get(f"/v1/studies/{study_id}/report").json()
    found = report["findings"]
    expect(page.locator(".head .verdict")).to_have_text(found["verdict"])
    rows = page.get_by_role("region", name="Statements").last.locator("tbody tr")
    expect(rows).to_have_count(len(found["statements"]))
    for at, statement in enumerate(found["statements"]):
        expect(rows.nth(at)).to_contain_text(statement["text"])
        expect(rows.nth(at).locator(".verdict")).to_have_text(statement["verdict"])
    expect(page.locator(".charts .chart")).to_have_count(len(found["figures"]))
    assert drawn(page.locator(".charts canvas").first).curves

    with page.expect_download() as saved:
        page.get_by_role("button", name="Report as HTML").click()
    assert saved.value.suggested_filename == "vanishing-gradient.html"
    page.emulate_media(media="print")
    expect(page.locator(".toolbar").first).to_be_hidden()
    expect(rows.first).to_be_visible()
    page.emulate_media(media="screen")

    page.goto("/studies")
    listed = page.locator("tbody tr", has_text="vanishing-gradient").first
    expect(listed.locator(".verdict")).to_have_text(found["verdict"])


def test_a_study_is_cancelled_from_its_page(page: Page, stack: Stack) -> None:
    body = {"template": "mse-versus-mae", "scale": "standard"}
    study = stack.http.post("/v1/studies", json=body).raise_for_status().json()
    page.goto(f"/studies/{study['id']}")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".head .status")).to_contain_text("cancelled", timeout=60_000)
    expect(page.get_by_role("heading", name="No verdict")).to_be_visible()
    assert stack.http.get(f"/v1/studies/{study['id']}").json()["status"] == "cancelled"
