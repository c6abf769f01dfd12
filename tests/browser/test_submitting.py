"""The form of a new job."""

import json
import re
import subprocess
import sys

import pytest
from playwright.sync_api import Page, Request, Route, expect

from service.domain.activations import Activation, AnyActivation
from service.domain.variants import variants
from tests.browser.complaints import Complaints
from tests.browser.drawn import drawn
from tests.stack import Stack, digits_spec, wait_for

ACTIVATIONS = variants(AnyActivation, "name", Activation)


def test_a_job_is_submitted_watched_live_cancelled_and_cloned(page: Page, stack: Stack) -> None:
    page.goto("/jobs/new")
    page.fill('[name="/name"]', "by hand")
    page.fill('[name="/network/hidden"]', "24, 12")
    page.fill('[name="/epochs"]', "9000")
    page.click("text=Submit job")
    page.wait_for_url(re.compile("/jobs/job_"))
    job_id = page.url.rsplit("/", 1)[-1]
    assert stack.job(job_id)["spec"]["network"]["hidden"] == [24, 12]

    # Nobody loads the page again, and its numbers grow.
    epoch = page.locator(".vitals dd").first
    expect(epoch).to_have_text(re.compile(r"^[1-9][\d,]* of 9,000"), timeout=30_000)
    seen = epoch.inner_text()
    expect(epoch).not_to_have_text(seen)
    expect(page.locator(".status")).to_have_text("running")
    assert len(drawn(page.locator(".charts canvas").first).curves[0].values) > 2

    page.click("text=Cancel")
    expect(page.locator(".status")).to_have_text("cancelled: user", timeout=30_000)
    assert stack.job(job_id)["reason"] == "user"
    page.get_by_role("button", name="Retry").click()
    expect(page.locator(".status")).to_have_text("running")
    page.click("text=Cancel")
    expect(page.locator(".status")).to_have_text("cancelled: user", timeout=30_000)
    assert stack.job(job_id)["attempt"] == 2

    page.click("text=Clone with changes")
    expect(page.locator('[name="/network/hidden"]')).to_have_value("24, 12")
    expect(page.locator('[name="/name"]')).to_have_value("by hand")


def test_what_cannot_run_is_explained_at_its_field(page: Page, stack: Stack) -> None:
    page.goto("/jobs/new")
    page.fill('[name="/name"]', "never stored")
    rate = page.locator('[name="/optimizer/learning_rate"]')
    rate.fill("fast")
    expect(rate).to_have_attribute("aria-invalid", "true")
    wrong = page.locator(f"#{rate.get_attribute('id')}-wrong")
    expect(wrong).to_contain_text("must be a number")
    page.fill('[name="/network/hidden"]', "16, 0")
    expect(page.locator('[name="/network/hidden"]')).to_have_attribute("aria-invalid", "true")
    page.fill('[name="/network/hidden"]', "16")
    expect(page.locator('[name="/network/hidden"]')).not_to_have_attribute("aria-invalid", "true")

    page.click("text=Submit job")
    expect(rate).to_be_focused()
    found = stack.http.get("/v1/jobs", params={"name": "never stored"}).json()
    assert found["data"] == []

    rate.fill("0.1")
    expect(rate).not_to_have_attribute("aria-invalid", "true")
    expect(wrong).to_be_empty()


@pytest.fixture(autouse=True)
def _expected(complaints: Complaints) -> None:
    """The browser notes every answer from 400 on; here they are asked for."""
    complaints.expect("422")


def test_the_plan_and_what_is_copied_are_the_services_own(page: Page, stack: Stack) -> None:
    page.goto("/jobs/new")
    page.fill('[name="/network/hidden"]', "20")
    page.fill('[name="/activation/derivative_at_zero"]', "0.5")
    page.click("text=JSON")
    expect(page.get_by_label("The spec, to copy")).to_contain_text('"derivative_at_zero": 0.5')
    plan = page.get_by_role("region", name="Plan")
    spec = json.loads(page.get_by_label("The spec, to copy").inner_text())
    answer = stack.http.post("/v1/jobs", params={"dry_run": True}, json=spec).json()
    expect(plan).to_contain_text(f"{answer['parameters']:,}")
    expect(plan).to_contain_text(f"{answer['steps']:,}")


def test_a_plan_that_comes_late_does_not_take_the_place_of_a_newer_one(page: Page) -> None:
    settled: list[Request] = []

    def settle(request: Request) -> None:
        settled.append(request)

    page.on("requestfinished", settle)
    page.on("requestfailed", settle)
    held: list[Route] = []
    page.route("**/v1/jobs?dry_run=true", lambda one: one.continue_() if held else held.append(one))
    page.goto("/jobs/new")
    plan = page.get_by_role("region", name="Plan")
    wait_for(lambda: page.evaluate("1") and held, what="the first plan is asked for")
    page.fill('[name="/network/hidden"]', "1")
    expect(plan).to_contain_text("85")
    held[0].continue_()
    wait_for(lambda: page.evaluate("1") and held[0].request in settled, what="it is answered")
    page.evaluate("new Promise((go) => requestAnimationFrame(() => setTimeout(go)))")
    expect(plan.locator("dd").first).to_have_text("85")


def test_what_is_copied_runs_elsewhere(page: Page, stack: Stack) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/jobs/new")
    page.fill('[name="/name"]', "Ada's job")
    page.fill('[name="/epochs"]', "1")
    expect(page.get_by_role("region", name="Plan")).to_contain_text("Parameters")
    copied = {}
    for form in ("curl", "Python", "JSON"):
        page.get_by_role("button", name=form, exact=True).click()
        page.get_by_role("button", name="Copy", exact=True).click()
        expect(page.get_by_text("Copied.")).to_be_visible()
        copied[form] = page.evaluate("navigator.clipboard.readText()")
        page.fill('[name="/seed"]', str(len(copied)))
    programs = {
        "curl": ["sh", "-c", copied["curl"]],
        "Python": [sys.executable, "-c", copied["Python"]],
    }
    for form, program in programs.items():
        said = subprocess.run(
            program, capture_output=True, text=True, check=True, timeout=60
        ).stdout
        (job_id,) = set(re.findall("job_[0-9a-f]{32}", said))
        spec = stack.job(job_id)["spec"]
        assert (spec["name"], spec["epochs"], spec["optimizer"]["name"]) == (
            "Ada's job",
            1,
            "adam",
        ), form
    assert json.loads(copied["JSON"])["seed"] == 2


def test_every_activation_is_drawn_with_its_kinks(page: Page, stack: Stack) -> None:
    page.goto("/jobs/new")
    for name, model in ACTIVATIONS.items():
        page.select_option('[name="/activation/name"]', name)
        plot = page.locator(".preview canvas")
        expect(plot).to_have_attribute("aria-label", re.compile(f"^{name} and its derivative"))
        shown = drawn(plot)
        assert len(shown.named("φ(x)").values) > 300
        kinks = model.model_validate({"name": name}).kinks
        within = [kink for kink in kinks if abs(kink) <= 4]
        assert [kink for kink in shown.lines if abs(kink) <= 4] == pytest.approx(within), name
        assert len(shown.named("φ′(0)").values) == (1 if 0.0 in kinks else 0), name


def test_a_convention_outside_the_subdifferential_is_marked(page: Page, stack: Stack) -> None:
    page.goto("/jobs/new")
    page.fill('[name="/activation/derivative_at_zero"]', "1.5")
    expect(page.locator(".preview .hint")).to_contain_text("outside the subdifferential [0, 1]")
    page.fill('[name="/activation/derivative_at_zero"]', "0.5")
    expect(page.locator(".preview .hint")).to_contain_text("φ′(0) = 0.5, as you chose")


def test_a_loss_that_does_not_fit_the_data_gives_way(page: Page, stack: Stack) -> None:
    page.goto("/jobs/new")
    page.select_option('[name="/dataset/name"]', "diabetes")
    loss = page.locator('[name="/loss/name"]')
    expect(loss).not_to_have_value("cross_entropy")
    expect(page.get_by_role("region", name="Plan")).to_contain_text("Parameters")


def test_a_clone_says_what_its_original_said(page: Page, stack: Stack) -> None:
    spec = digits_spec(
        name="to be cloned",
        network={"kind": "cnn", "channels": [4, 6], "hidden": [12]},
        optimizer={
            "name": "adamw",
            "learning_rate": 0.01,
            "schedule": {"name": "step", "every": 2, "gamma": 0.5},
            "clip_grad_norm": 1.5,
        },
        activation={"name": "elu", "alpha": 0.5, "derivative_at_zero": 0.75},
        probes={"unit_activity": False},
        epochs=1,
    )
    original = stack.job(stack.post(spec))
    page.goto(f"/jobs/new?from={original['id']}")
    expect(page.get_by_role("region", name="Plan")).to_contain_text("Parameters")
    page.click("text=Submit job")
    page.wait_for_url(re.compile("/jobs/job_"))
    assert stack.job(page.url.rsplit("/", 1)[-1])["spec"] == original["spec"]
