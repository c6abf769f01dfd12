"""Values as short text."""

import math
from collections.abc import Sequence
from typing import Any

NOTHING = "–"
_BARS = "▁▂▃▄▅▆▇█"
_NO_NUMBER = "×"


def plain(text: str) -> str:
    """The text in one line and without control characters, which a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in text)


def number(value: float | None) -> str:
    """Four significant digits; NaN and the infinities as the API writes them."""
    if value is None:
        return NOTHING
    if math.isfinite(value):
        return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def value(of_spec: Any) -> str:
    """A value of a spec."""
    return number(of_spec) if isinstance(of_spec, float) else plain(str(of_spec))


def sparkline(values: Sequence[float | None], width: int) -> str:
    """The last `width` points of the series squeezed into as many columns, each the mean of its
    values, between the series' smallest and largest; × where one of them is not finite."""
    known = [value for value in values if value is not None]
    finite = [value for value in known if math.isfinite(value)]
    columns = min(width, len(known))
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    drawn = ""
    for i in range(columns):
        part = known[i * len(known) // columns : (i + 1) * len(known) // columns]
        if not all(map(math.isfinite, part)):
            drawn += _NO_NUMBER
            continue
        # Halves, because the difference of two numbers may overflow.
        span = high / 2 - low / 2
        share = (sum(v / 2 / len(part) for v in part) - low / 2) / span if span else 0.0
        drawn += _BARS[min(len(_BARS) - 1, max(0, int(share * len(_BARS))))]
    return drawn
