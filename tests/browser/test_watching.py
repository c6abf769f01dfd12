"""Jobs, sweeps and comparisons, as they are looked at."""

import re
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.complaints import Complaints
from tests.browser.drawn import drawn
from tests.stack import Stack, digits_spec, wait_for

DYING = {
    "network": {"hidden": [40, 40]},
    "activation": {"name": "relu"},
    "optimizer": {"name": "adam", "learning_rate": 0.1},
    "epochs": 8,
}
"""A rate at which units die within a few epochs."""

_ABSENT = "Failed to load resource|error occurred when fetching the script"
"""What the browser notes of a service that is away; the script is the service worker's."""


def test_the_list_is_filtered_by_its_address(page: Page, stack: Stack) -> None:
    stack.ended(stack.post(digits_spec(name="a tanh", activation={"name": "tanh"})))
    stack.ended(stack.post(digits_spec(name="a relu")))
    page.goto("/?activation=tanh")
    expect(page.get_by_role("link", name="a tanh")).to_be_visible()
    expect(page.get_by_role("link", name="a relu")).to_have_count(0)
    expect(page.locator("[name=activation]")).to_have_value("tanh")
    expect(page.get_by_label("Loss of a tanh").locator("path")).to_have_attribute(
        "d", re.compile("L")
    )
    page.select_option("[name=status]", "failed")
    page.wait_for_url("**/?*status=failed*")
    expect(page.get_by_text("No job matches")).to_be_visible()
    page.click("text=show all jobs")
    expect(page.get_by_role("link", name="a relu")).to_be_visible()


def test_the_list_has_pages(page: Page, stack: Stack) -> None:
    body = {"base": digits_spec(epochs=0), "axes": {"seed": {"range": 30}}}
    sweep = stack.http.post("/v1/sweeps", json=body).raise_for_status().json()["id"]
    page.goto(f"/?sweep_id={sweep}")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(25)
    page.get_by_role("link", name="Older").click()
    expect(rows).to_have_count(5)
    page.get_by_role("link", name="Newest").click()
    expect(rows).to_have_count(25)


def test_a_death_is_a_column_going_dark(page: Page, stack: Stack) -> None:
    job_id = stack.post(digits_spec(**DYING))
    stack.ended(job_id)
    page.goto(f"/jobs/{job_id}")
    expect(page.locator(".map-summary")).to_contain_text("of 40 units dead now")
    layer = page.get_by_label("Show").input_value()
    units: dict[str, Any] = stack.http.get(
        f"/v1/jobs/{job_id}/units", params={"layer": layer}
    ).json()
    dead, alive = _dead_and_alive(units)
    gone = sum(units["dead"][-1])
    expect(page.locator(".map-summary")).to_contain_text(f"{gone} of 40 units dead now")
    # The last row: below every mark of a death that came before it.
    row = len(units["epochs"]) - 1
    assert max(_colour(page, units, dead, row)) < 60
    assert max(_colour(page, units, alive, row)) > 60
    page.locator(".unit-map").focus()
    for _ in range(dead):
        page.keyboard.press("ArrowRight")
    for _ in range(row):
        page.keyboard.press("ArrowDown")
    expect(page.locator(".map-reading")).to_contain_text(f"Unit {dead}, epoch 8")
    expect(page.locator(".map-reading")).to_contain_text("dead (died at")


def _dead_and_alive(units: dict[str, Any]) -> tuple[int, int]:
    """A unit that died well before the last epoch and stayed so, and one that never died."""
    lives = units["lifecycles"]
    dead = [i for i, one in enumerate(lives) if one["died"] and one["died"][-1] < 7]
    gone = next(i for i in dead if units["dead"][-1][i] and not lives[i]["revived"])
    return gone, next(i for i, one in enumerate(lives) if not one["died"])


def _colour(page: Page, units: dict[str, Any], unit: int, row: int) -> list[int]:
    """Red, green and blue in the middle of a cell of the unit map."""
    place: list[int] = page.locator(".unit-map").evaluate(
        """(canvas, [unit, row, units, rows]) => {
            const ratio = canvas.width / canvas.clientWidth;
            const [left, top] = [40, 4];
            const x = left + ((unit + 0.5) * (canvas.clientWidth - left - 2)) / units;
            const y = top + ((row + 0.5) * (canvas.clientHeight - top - 26)) / rows;
            const data = canvas.getContext("2d").getImageData(x * ratio, y * ratio, 1, 1).data;
            return [...data].slice(0, 3);
        }""",
        [unit, row, units["units"], len(units["epochs"])],
    )
    return place


def test_a_chart_is_read_by_the_keyboard(page: Page, stack: Stack) -> None:
    job_id = stack.post(digits_spec(epochs=4))
    stack.ended(job_id)
    losses = stack.epochs(job_id)["train_loss"]
    page.goto(f"/jobs/{job_id}")
    chart = page.get_by_role("img", name=re.compile("^Loss"))
    expect(chart).to_have_attribute("aria-label", re.compile("at epoch 4"))
    chart.focus()
    page.keyboard.press("End")
    reading = page.locator(".reading:visible")
    expect(reading).to_contain_text("epoch 4")
    expect(reading).to_contain_text(f"{losses[4]:.4g}")
    page.keyboard.press("ArrowLeft")
    expect(reading).to_contain_text(f"{losses[3]:.4g}")


def test_what_is_exported_is_what_the_service_writes(page: Page, stack: Stack) -> None:
    job_id = stack.post(digits_spec())
    stack.ended(job_id)
    page.goto(f"/jobs/{job_id}")
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    types = {
        "CSV": "text/csv",
        "Parquet": "application/vnd.apache.parquet",
        "JSON": "application/json",
    }
    for form, accepted in types.items():
        page.get_by_label("Export as").select_option(form)
        for what in ("Epochs", "Layers"):
            with page.expect_download() as download:
                page.get_by_role("button", name=what).click()
            name = f"{job_id}-{what.lower()}.{form.lower()}"
            assert download.value.suggested_filename == name
            url = f"/v1/jobs/{job_id}/{what.lower()}"
            told = stack.http.get(url, headers={"Accept": accepted}).raise_for_status()
            assert download.value.path().read_bytes() == told.content, name
    with page.expect_download() as download:
        page.get_by_role("button", name="Weights").click()
    weights = stack.http.get(f"/v1/jobs/{job_id}/weights").raise_for_status().content
    assert download.value.path().read_bytes() == weights
    # Large as they may be, the browser does not keep them for when the service is away.
    kept: list[str] = page.evaluate(
        """async () => {
            const cache = await caches.open("subgrad");
            return (await cache.keys()).map(({ url }) => url);
        }"""
    )
    assert kept
    assert [url for url in kept if url.endswith(("/epochs", "/layers", "/weights"))] == []


def test_two_jobs_are_compared(page: Page, stack: Stack) -> None:
    for seed in (0, 1):
        stack.ended(stack.post(digits_spec(name=f"seed {seed}", seed=seed)))
    page.goto("/")
    page.check("[aria-label='Compare seed 0']")
    page.check("[aria-label='Compare seed 1']")
    page.click("text=Compare 2 jobs")
    expect(page.get_by_role("row", name="/seed")).to_have_text(re.compile("/seed.*[01].*[01]"))
    expect(page.get_by_text("differs from epoch 0")).to_be_visible()
    chart = page.get_by_role("figure", name=re.compile("train loss"))
    figure = chart if chart.count() else page.locator("figure", has_text="train loss")
    assert len(drawn(figure.locator("canvas")).curves) == 2


def test_twins_part_at_the_step_that_the_service_names(page: Page, stack: Stack) -> None:
    # Where the one unit of layer 0 is silent, layer 1 adds up zeros: exactly at its kink.
    twin = digits_spec(
        dataset={"name": "abs", "size": 64},
        network={"hidden": [1, 4]},
        loss={"name": "mse"},
    )
    conventions = [0.0, 1.0]
    ids = [
        stack.post(twin | {"activation": {"name": "relu", "derivative_at_zero": value}})
        for value in conventions
    ]
    for job_id in ids:
        stack.ended(job_id)
    told = stack.http.get("/v1/compare", params={"jobs": ",".join(ids)}).json()
    page.goto(f"/compare?jobs={','.join(ids)}")
    assert told["first_differing_step"] is not None
    expect(page.locator("p.card")).to_contain_text(
        f"Their weights part at step {told['first_differing_step']}, where the convention at a "
        f"kink in layer {' and '.join(map(str, told['first_differing_layers']))} first"
    )


def test_a_sweep_is_followed_and_leads_to_its_jobs(page: Page, stack: Stack) -> None:
    body = {
        "name": "a small grid",
        "base": digits_spec(epochs=2),
        "axes": {
            "optimizer.learning_rate": [0.05, 0.5],
            "activation.name": ["relu", "tanh"],
            "seed": {"range": 2},
        },
    }
    sweep = stack.http.post("/v1/sweeps", json=body).raise_for_status().json()["id"]
    page.goto(f"/sweeps/{sweep}")
    expect(page.locator(".head .status")).to_have_text("succeeded")
    cells = page.locator(".heat button")
    expect(cells).to_have_count(4)
    expect(cells.first).to_contain_text("n 2")
    table = stack.http.get(f"/v1/sweeps/{sweep}/table").raise_for_status().json()
    ends = table["cells"][0][0]["interval"]
    half = f"{(ends['high'] - ends['low']) / 2:.4g}"
    expect(cells.first).to_contain_text(f"± {half}")
    cells.first.click()
    jobs = page.get_by_label("Jobs of the cell")
    expect(jobs.get_by_role("link", name="digits, sgd 0.05")).to_have_count(2)
    page.select_option("[name=quantity]", "dead_fraction")
    page.wait_for_url("**quantity=dead_fraction**")
    page.select_option("[name=rows]", "activation.name")
    expect(page.locator(".heat tbody th").first).to_have_text("relu")
    page.click("text=Lines")
    for _ in range(2):
        curves = drawn(page.locator(".chart canvas")).curves
        edges = ["relu, range", None, "tanh, range", None]
        assert [curve.label for curve in curves] == ["relu", "tanh", *edges]
        page.reload()


def test_a_sweep_is_cancelled_and_taken_up_again(page: Page, stack: Stack) -> None:
    body = {"base": digits_spec(epochs=9000), "axes": {"seed": {"range": 3}}}
    sweep = stack.http.post("/v1/sweeps", json=body).raise_for_status().json()["id"]

    def counts() -> dict[str, int]:
        found: dict[str, int] = stack.http.get(f"/v1/sweeps/{sweep}").json()["counts"]
        return {state: many for state, many in found.items() if many}

    page.goto(f"/sweeps/{sweep}")
    status = page.locator(".head .status")
    expect(page.get_by_role("button", name="Retry failed and cancelled")).to_have_count(0)
    page.get_by_role("button", name="Cancel").click()
    expect(status).to_have_text("cancelled")
    assert counts() == {"cancelled": 3}
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Retry failed and cancelled").click()
    expect(status).to_have_text(re.compile("queued|running"))
    page.get_by_role("button", name="Cancel").click()
    expect(status).to_have_text("cancelled")
    jobs = stack.http.get("/v1/jobs", params={"sweep_id": sweep}).json()["data"]
    assert {job["status"] for job in jobs} == {"cancelled"}


def test_the_pages_come_back_after_a_restart_of_the_service(
    page: Page, stack: Stack, complaints: Complaints
) -> None:
    complaints.expect(_ABSENT)
    job_id = stack.post(digits_spec(name="through a restart", epochs=9000))
    stack.wait_for_epoch(job_id, 1)
    page.goto(f"/jobs/{job_id}")
    epoch = page.locator(".vitals dd").first
    expect(epoch).to_have_text(re.compile(r"^[1-9]"))
    listing = page.context.new_page()
    listing.goto("/")
    expect(listing.get_by_role("link", name="through a restart")).to_be_visible()

    stack.stop("service.api")
    for one in (page, listing):
        expect(one.locator("#connection")).to_contain_text("does not answer")
    stack.start("service.api")
    for one in (page, listing):
        expect(one.locator("#connection")).to_be_hidden()
    seen = epoch.inner_text()
    expect(epoch).not_to_have_text(seen)
    page.click("text=Cancel")
    expect(page.locator(".head .status")).to_have_text("cancelled: user")
    expect(listing.locator("tr", has_text="through a restart").locator(".status")).to_have_text(
        "cancelled: user"
    )


def test_a_page_can_be_loaded_again_while_the_service_is_away(
    page: Page, stack: Stack, complaints: Complaints
) -> None:
    complaints.expect(_ABSENT)
    job_id = stack.post(digits_spec(name="kept by the browser"))
    stack.ended(job_id)
    page.goto("/")
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    page.goto(f"/jobs/{job_id}")
    expect(page.locator(".unit-map")).to_be_visible()
    loss = page.locator(".vitals dd").nth(1).inner_text()

    stack.stop("service.api")
    page.reload()
    expect(page.locator("#connection")).to_contain_text("Shown is what it said last")
    expect(page.locator(".vitals dd").nth(1)).to_have_text(loss)
    assert drawn(page.locator(".charts canvas").first).named("training").values
    stack.start("service.api")
    expect(page.locator("#connection")).to_be_hidden()


def test_what_was_never_looked_at_is_missed_when_the_service_is_away(
    page: Page, stack: Stack, complaints: Complaints
) -> None:
    complaints.expect(_ABSENT)
    job_id = stack.post(digits_spec())
    page.goto("/")
    wait_for(lambda: page.evaluate("caches.match('/').then(Boolean)"), what="the pages are kept")
    stack.stop("service.api")
    page.goto(f"/jobs/{job_id}")
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    stack.start("service.api")
    # Nobody loads the page again.
    expect(page.locator(".vitals")).to_be_visible()
