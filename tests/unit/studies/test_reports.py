"""Figures and words of reports, where numbers are not nice."""

import math
import re
from xml.etree import ElementTree

import pytest

from service.domain.findings import Estimate, Figure, FigureAxis, Kind, Point, Series
from service.domain.statistics import Interval
from service.studies.reports import wording
from service.studies.reports.scale import Scale
from service.studies.reports.svg import draw


def estimate(value: float | None, half: float = 0.0, jobs: str | None = "J1") -> Estimate:
    ends = None if value is None else Interval(low=value - half, high=value + half)
    return Estimate(
        kind=Kind.MEAN, value=value, interval=ends, confidence=0.95, n=3, excluded={}, jobs=jobs
    )


def figure(*values: float | None, scale: str = "linear", half: float = 0.0) -> Figure:
    points = [Point(x=at, y=estimate(value, half)) for at, value in enumerate(values)]
    return Figure(
        title="a < b & c",
        x=FigureAxis(label="steps"),
        y=FigureAxis.model_validate({"label": "loss", "scale": scale}),
        series=[Series(label="<relu>", points=points)],
    )


@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize(
    "values",
    [
        (1.0, 2.0, 4.0),
        (1.0, math.nan, None, math.inf, 3.0),
        (0.0, -1.0, 1e-30, 1e30),
        (5.0,),
        (None,),
        (1e-320, 1.0),
    ],
)
def test_a_figure_is_drawn_from_whatever_was_measured(
    values: tuple[float | None, ...], scale: str
) -> None:
    drawn = draw(figure(*values, scale=scale, half=0.5))
    ElementTree.fromstring(drawn)  # noqa: S314  (our own text)
    assert "nan" not in re.sub(r">[^<]*<", "><", drawn).lower()
    assert "style=" not in drawn
    shown = [
        v for v in values if v is not None and math.isfinite(v) and (scale == "linear" or v > 0)
    ]
    assert drawn.count('href="#J1"') == len(shown)


def test_an_axis_has_room_for_its_values_and_few_ticks() -> None:
    for kind, values in (("linear", [0.3, 7.0]), ("log", [1e-12, 1e9]), ("log", [2.0, 3.0])):
        scale = Scale.over(values, kind)  # type: ignore[arg-type]
        places = [scale.at(value) for value in values]
        assert 0 < places[0] < places[1] < 1
        assert 1 <= len(scale.ticks()) <= 10
        assert all(0 <= scale.at(tick) <= 1 for tick in scale.ticks())


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (math.nan, "NaN"), (-math.inf, "−∞"), (1234.0, "1,234"), (-0.05, "−0.05")],
)
def test_numbers_are_written_plainly(value: float | None, text: str) -> None:
    assert wording.number(value) == text


def test_seeds_without_a_value_are_told_beside_the_number() -> None:
    lost = estimate(0.5, 0.1).model_copy(update={"excluded": {"diverged": 2}})
    assert wording.estimate(lost) == "0.5 [0.4, 0.6] (n = 3; without: 2 diverged)"
