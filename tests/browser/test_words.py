"""Numbers, times and names as people read them."""

from typing import Any

from playwright.sync_api import Page

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
