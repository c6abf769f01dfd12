"""Numbers, times and names as people read them."""

import datetime
from typing import Any

from playwright.sync_api import Browser, Page

from tests.stack import Stack

DEEP = {"kind": "mlp", "hidden": [32] * 20}
WIDENING = {"kind": "mlp", "hidden": [16, 32, 64]}
HALF = {"name": "relu", "derivative_at_zero": 0.5}
WORDS: list[tuple[str, Any, str]] = [
    ("number", 0.123456, "0.1235"),
    ("number", -1.5, "−1.5"),
    ("number", 0.000123, "1.23·10⁻⁴"),
    ("number", 1e7, "10⁷"),
    ("number", "NaN", "NaN"),
    ("number", "-Infinity", "−∞"),
    ("number", None, "–"),
    ("percent", 0.2551, "25.5 %"),
    ("count", 1234567, "1,234,567"),
    ("seconds", 0.28, "280 ms"),
    ("seconds", 61.2, "61 s"),
    ("seconds", 600, "10 min"),
    ("seconds", 7200, "2 h"),
    ("bytes", 1_140_000, "1.14 MB"),
    ("value", None, "not set"),
    ("value", [16, 32], "16, 32"),
    ("value", [32] * 20, "20 layers of 32"),
    ("network", {"network": DEEP, "activation": {"name": "tanh"}}, "20 layers of 32 tanh"),
    ("network", {"network": WIDENING, "activation": HALF}, "16 × 32 × 64 relu, φ′(0) = 0.5"),
]
AXES: list[tuple[Any, str]] = [
    ([0, 0.5, 1], "0, 0.5, 1"),
    ([[8, 8], [16] * 4], "8, 8; 4 layers of 16"),
    ([0, 1, 2, 3, 4, 5], "0, 1, 2, 3, … (6)"),
    ({"range": 10}, "0 … 9"),
    ({"logspace": [0.01, 1, 3]}, "0.01 … 1 in 3, equal ratios"),
]


def test_values_are_written_for_people(page: Page) -> None:
    page.goto("/signin")
    write = """async (words) => {
        const format = await import("/static/format.js");
        return words.map(([call, given]) => format[call](given));
    }"""
    assert page.evaluate(write, WORDS) == [says for *_, says in WORDS]


def test_axes_are_described_in_few_words(page: Page) -> None:
    page.goto("/signin")
    describe = """async (axes) => {
        const { describeAxis } = await import("/static/pages/sweeps.js");
        return axes.map(([axis]) => describeAxis(axis));
    }"""
    assert page.evaluate(describe, AXES) == [says for _, says in AXES]


NOW = datetime.datetime(2026, 11, 26, 15, 4, 5, tzinfo=datetime.UTC)
TIMES: list[tuple[str, str | None, str]] = [
    ("time", "2026-11-26T15:04:05Z", "26 Nov 2026, 16:04:05"),
    ("time", "2026-07-01T23:30:00.250Z", "2 Jul 2026, 01:30:00"),
    ("time", None, "–"),
    ("ago", "2026-11-26T15:04:01Z", "now"),
    ("ago", "2026-11-26T15:04:06Z", "now"),  # their clock is ahead of ours
    ("ago", "2026-11-26T15:03:25Z", "40 s ago"),
    ("ago", "2026-11-26T14:54:05Z", "10 min ago"),
    ("ago", "2026-11-26T05:04:05Z", "10 h ago"),
    ("ago", "2026-11-25T15:04:04Z", "25 Nov 2026, 16:04:04"),
]


def test_times_are_those_of_the_readers_clock(browser: Browser, stack: Stack) -> None:
    context = browser.new_context(
        base_url=str(stack.http.base_url), locale="en-GB", timezone_id="Europe/Berlin"
    )
    page = context.new_page()
    page.clock.set_fixed_time(NOW)
    page.goto("/signin")
    write = """async (times) => {
        const format = await import("/static/format.js");
        return times.map(([call, given]) => format[call](given));
    }"""
    written = page.evaluate(write, TIMES)
    context.close()
    assert written == [says for *_, says in TIMES]
