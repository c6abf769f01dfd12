"""A figure as SVG. It has no style of its own: the page's style sheet draws the classes, so that
the page's policy can forbid every other style."""

import math
from html import escape

from service.domain.findings import Figure, Point, Series
from service.studies.reports import wording
from service.studies.reports.scale import Scale

_WIDTH, _HEIGHT = 720, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 200, 16, 52
_COLOURS = 8
_MARKS = ("circle", "square", "diamond", "triangle")


def draw(figure: Figure) -> str:
    """Lines through points, bars over their intervals; each point leads to its jobs."""
    x, y = _scales(figure)
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(figure.title)}">',
        *_frame(figure, x, y),
    ]
    for at, series in enumerate(figure.series):
        parts += _series(series, at, x, y)
    return "\n".join([*parts, "</svg>"])


def _scales(figure: Figure) -> tuple[Scale, Scale]:
    points = [point for series in figure.series for point in series.points]
    heights = [
        value
        for point in points
        for value in (
            point.y.value,
            *((point.y.interval.low, point.y.interval.high) if point.y.interval else ()),
        )
        if value is not None
    ]
    return (
        Scale.over([point.x for point in points], figure.x.scale),
        Scale.over(heights, figure.y.scale),
    )


def _place(x: float) -> str:
    return f"{_LEFT + x * (_WIDTH - _LEFT - _RIGHT):.1f}"


def _height(y: float) -> str:
    return f"{_HEIGHT - _BOTTOM - y * (_HEIGHT - _TOP - _BOTTOM):.1f}"


def _frame(figure: Figure, x: Scale, y: Scale) -> list[str]:
    left, right, bottom, top = _place(0), _place(1), _height(0), _height(1)
    parts = []
    for tick in y.ticks():
        at = _height(y.at(tick))
        parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{at}" y2="{at}"/>')
        parts.append(f'<text class="tick end" x="{_LEFT - 6}" y="{at}" dy="4">{_tick(tick)}</text>')
    for tick in x.ticks():
        at = _place(x.at(tick))
        parts.append(f'<line class="grid" x1="{at}" x2="{at}" y1="{bottom}" y2="{top}"/>')
        below = _HEIGHT - _BOTTOM + 16
        parts.append(f'<text class="tick middle" x="{at}" y="{below}">{_tick(tick)}</text>')
    parts.append(f'<path class="frame" d="M{left} {top}V{bottom}H{right}"/>')
    middle = _height(0.5)
    parts.append(
        f'<text class="label middle" x="{_place(0.5)}" y="{_HEIGHT - 12}">'
        f"{escape(figure.x.label)}</text>"
    )
    parts.append(
        f'<text class="label middle" x="14" y="{middle}" transform="rotate(-90 14 {middle})">'
        f"{escape(figure.y.label)}</text>"
    )
    return parts


def _tick(value: float) -> str:
    if value != 0 and not 1e-3 <= abs(value) < 1e5:
        exponent = math.floor(math.log10(abs(value)) + 1e-9)
        digits = f"{value / 10.0**exponent:.3g}"
        return f"{'' if digits == '1' else digits + '·'}10<tspan dy='-5'>{exponent}</tspan>"
    return wording.number(value)


def _series(series: Series, at: int, x: Scale, y: Scale) -> list[str]:
    colour, mark = f"c{at % _COLOURS}", _MARKS[at % len(_MARKS)]
    shown = [p for p in series.points if _is_shown(p, x, y)]
    line = " ".join(f"{_place(x.at(p.x))},{_height(y.at(p.y.value or 0.0))}" for p in shown)
    legend_y = _TOP + 12 + at * 18
    legend_x = _WIDTH - _RIGHT + 18
    parts = [f'<g class="{colour}">', f'<polyline class="line" points="{line}"/>']
    for point in shown:
        parts += _point(point, series.label, mark, x, y)
    parts.append(_mark(mark, f"{legend_x}", f"{legend_y - 4}"))
    parts.append(
        f'<text class="legend" x="{legend_x + 10}" y="{legend_y}">{escape(series.label)}</text></g>'
    )
    return parts


def _is_shown(point: Point, x: Scale, y: Scale) -> bool:
    return point.y.value is not None and x.shows(point.x) and y.shows(point.y.value)


def _point(point: Point, label: str, mark: str, x: Scale, y: Scale) -> list[str]:
    at = _place(x.at(point.x))
    told = f"{label}: {wording.number(point.x)}, {wording.estimate(point.y)}"
    parts = [f"<title>{escape(told)}</title>"]
    if point.y.interval is not None:
        low, high = _height(y.at(point.y.interval.low)), _height(y.at(point.y.interval.high))
        parts.append(f'<line class="bar" x1="{at}" x2="{at}" y1="{low}" y2="{high}"/>')
    parts.append(_mark(mark, at, _height(y.at(point.y.value or 0.0))))
    drawn = "".join(parts)
    if point.y.jobs is None:
        return [f"<g>{drawn}</g>"]
    return [f'<a href="#{point.y.jobs}">{drawn}</a>']


def _mark(kind: str, x: str, y: str) -> str:
    shapes = {
        "circle": "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z",
        "square": "M-3 -3h6v6h-6z",
        "diamond": "M0 -4.5L4.5 0L0 4.5L-4.5 0z",
        "triangle": "M0 -4L4 3.5H-4z",
    }
    return f'<path class="mark" transform="translate({x} {y})" d="{shapes[kind]}"/>'
