"""An axis of a figure: where numbers lie on it, and which of them are written."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

_MOST_TICKS = 8
_STEPS = (1, 2, 5, 10)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """From numbers to 0 … 1 along the axis."""

    kind: Literal["linear", "log"]
    low: float
    high: float

    @classmethod
    def over(cls, values: Iterable[float], kind: Literal["linear", "log"]) -> "Scale":
        """With room for all values that this kind of axis can show, and some air around them."""
        shown = [v for v in values if math.isfinite(v) and (kind == "linear" or v > 0)]
        ends = [math.log10(v) if kind == "log" else v for v in shown] or [0.0]
        low, high = min(ends), max(ends)
        air = (high - low) * 0.05 or abs(high) * 0.05 or 0.5
        return cls(kind=kind, low=low - air, high=high + air)

    def shows(self, value: float) -> bool:
        return math.isfinite(value) and (self.kind == "linear" or value > 0)

    def at(self, value: float) -> float:
        """The place of a number, at the edge where it lies beyond."""
        if self.kind == "log":
            value = math.log10(value) if value > 0 else -math.inf
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def ticks(self) -> list[float]:
        if self.kind == "linear":
            return self._linear(self.low, self.high)
        first, last = math.ceil(self.low), math.floor(self.high)
        if last - first < 2:
            inner = [m * 10.0**e for e in range(first - 1, last + 1) for m in (1, 2, 5)]
            return [v for v in inner if self.low <= math.log10(v) <= self.high]
        step = -(-(last - first + 1) // _MOST_TICKS)
        return [10.0**exponent for exponent in range(first, last + 1, step)]

    @staticmethod
    def _linear(low: float, high: float) -> list[float]:
        rough = (high - low) / _MOST_TICKS
        magnitude = 10.0 ** math.floor(math.log10(rough))
        step = next(s * magnitude for s in _STEPS if s * magnitude >= rough)
        first, last = math.ceil(low / step), math.floor(high / step)
        return [float(f"{k * step:.12g}") for k in range(first, last + 1)]
