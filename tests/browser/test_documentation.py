"""The API's docs: rendered from our own files, and "Try it out" works as it stands."""

import re

from playwright.sync_api import Page, expect

from tests.stack import Stack


def test_the_example_of_a_job_is_tried_out_and_accepted(page: Page, stack: Stack) -> None:
    page.set_default_timeout(120_000)  # Swagger UI draws the schema of a spec in one go
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/docs")
    operation = page.locator("#operations-jobs-submit_job")
    operation.locator(".opblock-summary").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table .response")
    expect(answer.locator(".response-col_status")).to_have_text(re.compile("202"), timeout=120_000)
    (job_id,) = set(re.findall("job_[0-9a-f]{32}", answer.locator("code").first.inner_text()))
    assert stack.job(job_id)["status"] in ("queued", "running", "succeeded")
    base = str(stack.http.base_url).rstrip("/")
    assert [url for url in asked if not url.startswith((base, "data:"))] == []
