"""Pages of jobs whose every number is known, because the test recorded them."""

import math
import random
import re
from typing import Any

from playwright.sync_api import Page, expect

from service.db import Database
from service.domain.events import EpochEvent
from tests.browser.drawn import drawn
from tests.browser.recorded import end, layered, running, told, with_units
from tests.integration.db.record import epoch, record


def _at_level(job_id: str, number: int, level: float) -> EpochEvent:
    event = layered(job_id, number, grad_norm_mean=level)
    return event.model_copy(
        update={"metrics": event.metrics.model_copy(update={"train_loss": level})}
    )


def test_a_death_and_a_revival_are_marked_where_they_happened(
    page: Page, database: Database
) -> None:
    job_id, held = running(database, epochs=9)
    for number in range(10):
        is_dead = 4 <= number < 7
        record(database, held, with_units(epoch(job_id, number), [0, is_dead, 0, 0]))
    end(database, held)
    page.goto(f"/jobs/{job_id}")
    expect(page.locator(".map-summary")).to_contain_text("1 deaths (0 at birth), 1 revivals")
    centre = """(canvas, [unit, row]) => {
        const ratio = canvas.width / canvas.clientWidth;
        const x = 40 + ((unit + 0.5) * (canvas.clientWidth - 42)) / 4;
        const y = 4 + ((row + 0.5) * (canvas.clientHeight - 30)) / 10;
        return [...canvas.getContext("2d").getImageData(x * ratio, y * ratio, 1, 1).data];
    }"""
    colours = {
        (unit, row): tuple(page.locator(".unit-map").evaluate(centre, [unit, row])[:3])
        for unit in (1, 2)
        for row in range(10)
    }
    died, revived = (255, 107, 107), (105, 219, 124)
    assert [at for at, colour in colours.items() if colour == died] == [(1, 4)]
    assert [at for at, colour in colours.items() if colour == revived] == [(1, 7)]
    page.locator(".unit-map").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".map-reading")).to_contain_text("(died at 4; revived at 7)")


def test_a_long_job_that_runs_opens_with_its_extremes_and_goes_on(
    page: Page, database: Database
) -> None:
    job_id, held = running(database, epochs=9000)
    many = 2000
    for first in range(0, many, 500):
        levels = {n: 9.0 if n == 777 else 1.0 for n in range(first, first + 500)}
        record(database, held, *(_at_level(job_id, n, level) for n, level in levels.items()))
    with page.expect_request("**/events") as asked:
        page.goto(f"/jobs/{job_id}")
    now = page.locator(".vitals dd").first
    expect(now).to_have_text(re.compile("^1,999 of 9,000"))
    # The stream goes on where the stored series ended: nothing is sent twice.
    assert asked.value.headers["last-event-id"] == "0-1999"
    for title, line in (("Loss", "training"), ("Gradient norm", "layer 0")):
        chart = drawn(page.locator("figure", has_text=title).first.locator("canvas"))
        assert len(chart.named(line).values) > 100, title
        assert chart.named(line).height < 1, title
        top = chart.named(f"{line}, range").height
        assert top > 100, title
    record(database, held, *(told(job_id, many + n, train_loss=2.0) for n in range(5)))
    expect(now).to_have_text(re.compile("^2,004 of 9,000"))
    expect(page.locator(".vitals dd").nth(1)).to_have_text("2")
    end(database, held)
    expect(page.locator(".status")).to_have_text("succeeded")


_GROW = """async ([rows, start]) => {
    const { EpochColumns } = await import("/static/series.js");
    const grown = new EpochColumns();
    Object.assign(grown, start);
    rows.forEach((row) => grown.push(row));
    return { columns: grown.columns, minimum: grown.minimum, maximum: grown.maximum };
}"""


def test_dormant_and_saturated_units_are_shares_of_the_layer(
    page: Page, database: Database
) -> None:
    job_id, held = running(database, epochs=9)
    for number in range(5):
        measured = layered(job_id, number, dead=0, dormant=number, saturated=4 - number)
        record(database, held, measured)
    record(database, held, layered(job_id, 5, dead=1, dormant=2, saturated=1))
    end(database, held)
    page.goto(f"/jobs/{job_id}")
    for title, last in (("Dead", "25 %"), ("Dormant", "50 %"), ("Saturated", "25 %")):
        chart = page.get_by_role("img", name=re.compile(f"^{title} units"))
        expect(chart).to_have_attribute("aria-label", re.compile(f"layer 0: {last} at epoch 5"))
        chart.focus()
        page.keyboard.press("Home")
        first = {"Dead": "0", "Dormant": "0", "Saturated": "100 %"}[title]
        expect(page.locator(".reading:visible")).to_have_text(re.compile(f"epoch 0 ?{first}"))


def test_what_grows_in_the_page_keeps_few_points_and_every_extreme(page: Page) -> None:
    page.goto("/")
    hand = random.Random(7)
    values = [0.5, -3.25, 8.0, None, "Infinity", "-Infinity"]
    rows = [{"epoch": n, "train_loss": hand.choice(values)} for n in range(7000)]
    rows[4321]["train_loss"] = "NaN"
    grown = page.evaluate(_GROW, [rows, {}])
    epochs = grown["columns"]["epoch"]
    assert len(epochs) <= 800
    assert epochs[-1] == 6999
    first = 0
    for at, last in enumerate(epochs):
        within = [_number(row["train_loss"]) for row in rows[first : last + 1]]
        first = last + 1
        assert grown["columns"]["train_loss"][at] == rows[last]["train_loss"]
        ends = (grown["minimum"]["train_loss"][at], grown["maximum"]["train_loss"][at])
        assert _same(ends, within), f"point {at}"


def test_a_new_attempt_takes_the_place_of_what_it_trains_again(page: Page) -> None:
    page.goto("/")
    rows = [{"epoch": n, "train_loss": 1.0} for n in range(2500)]
    again = [{"epoch": n, "train_loss": 2.0} for n in range(100, 110)]
    grown = page.evaluate(_GROW, [rows + again, {}])
    assert grown["columns"]["epoch"][-1] == 109
    for part in grown.values():
        assert len(part["train_loss"]) == len(grown["columns"]["epoch"])
        assert part["train_loss"][-11:] == [1.0, *[2.0] * 10]


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _same(ends: tuple[Any, Any], within: list[float | None]) -> bool:
    measured = [value for value in within if value is not None]
    if not measured:
        return ends == (None, None)
    if any(map(math.isnan, measured)):
        return ends == ("NaN", "NaN")
    return tuple(map(float, ends)) == (min(measured), max(measured))


def test_the_moves_of_a_job_are_listed(page: Page, database: Database) -> None:
    job_id, held = running(database)
    record(database, held, told(job_id, 0))
    end(database, held)
    page.goto(f"/jobs/{job_id}")
    page.get_by_text("History").click()
    moves = page.get_by_role("listitem").filter(has_text="attempt")
    expect(moves).to_have_count(3)
    for at, move in enumerate(("queued attempt 0", "running attempt 1", "succeeded attempt 1")):
        expect(moves.nth(at)).to_contain_text(move)
