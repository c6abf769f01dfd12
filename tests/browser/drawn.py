"""What Chart.js has drawn on a canvas: a page's charts hold no elements to look at."""

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Locator

from tests.stack import wait_for

_DRAWN = """canvas => {
    const chart = globalThis.Chart?.getChart(canvas);
    if (!chart) return null;
    const curves = chart.data.datasets.map((one, number) => ({
        label: one.label,
        values: one.data.map(({ x, y }) => [x, y]),
        places: chart.getDatasetMeta(number).data.map(({ x, y, skip }) => skip ? null : [x, y]),
    }));
    const across = chart.config.plugins.find(({ id }) => id === "across");
    return {
        curves,
        lines: across.lines.map(({ x }) => x),
        crosses: across.crosses.map(({ x }) => x),
        ticks: chart.scales.y.ticks.map(({ label }) => label),
        ink: chart.data.datasets[0].borderColor,
    };
}"""


@dataclass(frozen=True, kw_only=True)
class Curve:
    label: str | None
    values: list[tuple[float, float]]
    places: list[tuple[float, float] | None]
    """In pixels from the upper left corner; None where nothing is drawn."""

    @property
    def height(self) -> float:
        """In pixels, from its lowest point to its highest."""
        heights = [place[1] for place in self.places if place is not None]
        return max(heights) - min(heights)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    curves: list[Curve]
    lines: list[float]
    """Where on the x axis a line goes from top to bottom."""
    crosses: list[float]
    """Where on the x axis something has no place."""
    ticks: list[str]
    ink: str

    def named(self, label: str) -> Curve:
        return next(curve for curve in self.curves if curve.label == label)


def drawn(canvas: Locator) -> Drawn:
    """Waits until something is."""
    found: dict[str, Any] = wait_for(lambda: canvas.evaluate(_DRAWN), what="a chart is drawn")
    return Drawn(**found | {"curves": [Curve(**curve) for curve in found["curves"]]})
