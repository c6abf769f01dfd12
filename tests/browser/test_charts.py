"""What the charts draw: lines, gaps, what has no place, axes, in the colours of the theme."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from service.db import Database
from service.domain.events import EpochEvent
from tests.browser.axe import serious
from tests.browser.drawn import Drawn, drawn
from tests.browser.recorded import end, layered, running, told
from tests.integration.db.record import record
from tests.stack import wait_for


def _chart(page: Page, title: str) -> Drawn:
    return drawn(page.locator("figure", has_text=title).first.locator("canvas"))


def _open(
    page: Page, database: Database, tell: Callable[[str, int], EpochEvent], many: int
) -> None:
    """The page of a job of so many epochs, each as `tell` has it."""
    job_id, held = running(database, epochs=50)
    for number in range(many):
        record(database, held, tell(job_id, number))
    end(database, held)
    page.goto(f"/jobs/{job_id}")


def _shown(page: Page, database: Database, losses: list[Any]) -> Drawn:
    """The chart of the loss of a job that had these."""
    _open(page, database, lambda job, n: told(job, n, train_loss=losses[n]), len(losses))
    return _chart(page, "Loss")


def _norms(page: Page, database: Database, norms: list[float]) -> Drawn:
    """The chart, with a logarithmic axis, of the gradient norms of a job that had these."""
    _open(page, database, lambda job, n: layered(job, n, grad_norm_mean=norms[n]), len(norms))
    return _chart(page, "Gradient norm")


def test_what_is_no_number_breaks_the_line_and_is_marked(page: Page, database: Database) -> None:
    chart = _shown(page, database, [4.0, 3.0, math.nan, 2.0, math.inf, 1.0, None, 0.5, -math.inf])
    (line,) = chart.curves
    there = [place is not None for place in line.places]
    assert there == [True, True, False, True, False, True, False, True, False]
    assert chart.crosses == [2, 4, 8]


def test_each_power_of_ten_is_one_step_of_a_logarithmic_axis(
    page: Page, database: Database
) -> None:
    # The last has no place on the axis.
    shown = _norms(page, database, [1e-3, 1e-2, 1e-1, 1.0, 10.0, 0.0])
    *places, last = shown.named("layer 0").places
    assert last is None
    heights = [place[1] for place in places if place is not None]
    steps = [before - after for before, after in itertools.pairwise(heights)]
    assert steps == pytest.approx([(heights[0] - heights[-1]) / 4] * 4)
    assert min(steps) > 10
    assert shown.ticks == ["0.001", "0.01", "0.1", "1", "10"]


def test_an_axis_has_ticks_however_many_decades_it_spans(page: Page, database: Database) -> None:
    chart = _norms(page, database, [1e-300, 1e-150, 1.0])
    assert 3 <= len(chart.ticks) <= 8
    assert chart.ticks[0] == "10⁻³⁰⁰"
    heights = [place[1] for place in chart.named("layer 0").places if place is not None]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2])


@pytest.mark.parametrize(
    "losses", [[1.7e308], [1.7e308, 1.7e308], [-1.7e308, 1.7e308], [5e-324, 1.7e308]]
)
def test_what_is_nearly_too_large_for_a_float_keeps_no_page_waiting(
    page: Page, database: Database, losses: list[float]
) -> None:
    assert _shown(page, database, losses).ticks


@pytest.mark.parametrize("losses", [[2.5], [2.5, 2.5, 2.5]], ids=["once", "always the same"])
def test_a_value_alone_is_seen(page: Page, database: Database, losses: list[float]) -> None:
    chart = _shown(page, database, losses)
    (line,) = chart.curves
    assert None not in line.places
    assert len(chart.ticks) >= 2


def test_a_chart_has_its_name_before_it_is_drawn(page: Page, database: Database) -> None:
    page.add_init_script("globalThis.requestAnimationFrame = () => 0")
    _open(page, database, layered, 2)
    loss = page.locator("figure", has_text="Loss").first.locator("canvas")
    expect(loss).to_have_attribute("aria-label", "Loss")
    assert serious(page) == []


def test_a_chart_takes_the_colours_of_the_theme_and_the_width_of_the_page(
    page: Page, database: Database
) -> None:
    def changes(before: Drawn) -> Drawn:
        wait_for(lambda: _chart(page, "Loss") != before, what="it is drawn anew")
        return _chart(page, "Loss")

    light = _shown(page, database, [2.0, 1.0])
    page.emulate_media(color_scheme="dark")
    dark = changes(light)
    assert dark.ink != light.ink
    assert dark.curves == light.curves
    page.set_viewport_size({"width": 700, "height": 768})
    narrow = changes(dark)
    assert narrow.ink == dark.ink
    assert narrow.curves[0].places != dark.curves[0].places


_NOTE_WHAT_IS_PRINTED = """() => matchMedia("print").addEventListener("change", ({ matches }) => {
    const drawn = document.querySelector(".charts .plot[aria-label*='Arrow keys']");
    const chart = globalThis.Chart.getChart(drawn);
    if (matches) globalThis.printed = chart.data.datasets[0].borderColor;
})"""


def test_in_the_dark_a_chart_is_printed_in_the_colours_of_paper(
    page: Page, database: Database
) -> None:
    light = _shown(page, database, [2.0, 1.0])
    page.emulate_media(color_scheme="dark")
    wait_for(lambda: _chart(page, "Loss").ink != light.ink, what="it is dark")
    page.evaluate(_NOTE_WHAT_IS_PRINTED)
    page.pdf()
    assert page.evaluate("globalThis.printed") == light.ink
