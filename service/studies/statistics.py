"""Intervals, tests and their correction, by SciPy and statsmodels.

The one module that needs them. It imports them when asked for a number and not before: the API
process plans studies with the same templates, and has neither.

A statement is a region R = (above, below) in which a quantity is said to lie. Let I(α) be the
quantity's interval at confidence 1 − α. The statement is supported at α if I(α) lies in R, refuted
if I(α) and R have nothing in common. Its p is the smallest α at which it is decided either way:
twice the one-sided p of the end of R that is nearest. For R = (0, ∞) and a mean that is the
two-sided t test; for a bounded R it is the pair of one-sided tests, at half their usual level.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from service.domain.findings import Kind

ALPHA = 0.05
POWER = 0.8
_MOST_SEEDS = 100_000


@dataclass(frozen=True, kw_only=True)
class Region:
    """Where a quantity is said to lie; None: no bound on that side. Bounds themselves are out."""

    above: float | None = None
    below: float | None = None

    def __contains__(self, value: float) -> bool:
        return (self.above is None or value > self.above) and (
            self.below is None or value < self.below
        )

    def map(self, f: Callable[[float], float]) -> "Region":
        above, below = (None if end is None else f(end) for end in (self.above, self.below))
        return Region(above=above, below=below)


@dataclass(frozen=True, kw_only=True)
class Holm:
    """A statement's place in the step-down procedure of Holm (1979)."""

    adjusted_p: float
    alpha: float
    """The level at which the procedure tested it, or stopped before it: an interval at confidence
    1 − alpha excludes the border if and only if the statement is decided."""


def estimate(values: Sequence[float], kind: Kind) -> float | None:
    """The estimate; None where there is no value."""
    if not values:
        return None
    if kind is Kind.TOTAL:
        return math.fsum(values)
    if kind is Kind.SHARE:
        return sum(value != 0 for value in values) / len(values)
    if kind is Kind.GEOMETRIC_MEAN:
        return math.exp(math.fsum(map(math.log, values)) / len(values))
    return math.fsum(values) / len(values)


def interval(values: Sequence[float], kind: Kind, alpha: float) -> tuple[float, float] | None:
    """Both ends at confidence 1 − alpha; None below two values, and of what seeds do not give."""
    if len(values) < 2 or kind in (Kind.TOTAL, Kind.RATE, Kind.THEORY):
        return None
    if kind is Kind.SHARE:
        hits = sum(value != 0 for value in values)
        found = _scipy().binomtest(hits, len(values)).proportion_ci(1 - alpha, method="exact")
        return float(found.low), float(found.high)
    if kind is Kind.GEOMETRIC_MEAN:
        low, high = _t_interval([math.log(value) for value in values], alpha)
        return _exp(low), _exp(high)
    return _t_interval(values, alpha)


def poisson_interval(count: int, alpha: float) -> tuple[float, float]:
    """Garwood's, of a count's expectation: exact where events come singly and independently."""
    quantile = _scipy().chi2.ppf
    low = float(quantile(alpha / 2, 2 * count)) / 2 if count else 0.0
    return low, float(quantile(1 - alpha / 2, 2 * count + 2)) / 2


def p_value(values: Sequence[float], kind: Kind, region: Region) -> float | None:
    """The smallest alpha at which the interval decides; None below two values."""
    if len(values) < 2:
        return None
    if kind is Kind.SHARE:
        return _p_of_share(sum(value != 0 for value in values), len(values), region)
    if kind is Kind.GEOMETRIC_MEAN:
        return _p_of_mean([math.log(value) for value in values], region.map(math.log))
    return _p_of_mean(values, region)


def holm(p_values: Sequence[float]) -> list[Holm]:
    """Adjusted for the family of all these tests, in their order."""
    if not p_values:
        return []
    from statsmodels.stats.multitest import multipletests  # noqa: PLC0415

    adjusted = [float(p) for p in multipletests(p_values, ALPHA, method="holm")[1]]
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    levels = [0.0] * len(p_values)
    level, stopped = 0.0, False
    for rank, i in enumerate(order):
        if not stopped:
            level = ALPHA / (len(p_values) - rank)
            stopped = not p_values[i] < level
        levels[i] = level
    return [Holm(adjusted_p=p, alpha=a) for p, a in zip(adjusted, levels, strict=True)]


def seeds_needed(values: Sequence[float], kind: Kind, region: Region, alpha: float) -> int | None:
    """How many more seeds would decide at level alpha with probability 80%, if the estimate and
    the spread are the true ones. None where the estimate lies at the border: no number would."""
    if len(values) < 2:
        return 2 - len(values)
    if kind is Kind.SHARE:
        needed = _seeds_of_share(estimate(values, kind) or 0.0, region, alpha)
    elif kind is Kind.GEOMETRIC_MEAN:
        needed = _seeds_of_mean([math.log(v) for v in values], region.map(math.log), alpha)
    else:
        needed = _seeds_of_mean(values, region, alpha)
    return None if needed is None else max(needed - len(values), 1)


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Of the least-squares line through the points."""
    return float(_scipy().linregress(x, y).slope)


def _scipy() -> Any:
    from scipy import stats  # noqa: PLC0415

    return stats


def _exp(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def _mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    mean = math.fsum(values) / len(values)
    squares = math.fsum((value - mean) ** 2 for value in values)
    return mean, math.sqrt(squares / (len(values) - 1) / len(values))


def _t_interval(values: Sequence[float], alpha: float) -> tuple[float, float]:
    mean, error = _mean_and_error(values)
    half = float(_scipy().t.ppf(1 - alpha / 2, len(values) - 1)) * error
    return mean - half, mean + half


def _distance(value: float, region: Region) -> float:
    """To the end of the region that is nearest; infinite where it has none."""
    return min(
        abs(value - end) for end in (region.above, region.below, math.inf) if end is not None
    )


def _p_of_mean(values: Sequence[float], region: Region) -> float:
    mean, error = _mean_and_error(values)
    distance = _distance(mean, region)
    if distance == 0:
        return 1.0
    if error == 0:
        # No spread at all: Student's t has nothing to say. All n values lie on the same side of
        # the border, which the sign test answers.
        return min(1.0, 2 * 0.5 ** len(values))
    return float(min(1.0, 2 * _scipy().t.sf(distance / error, len(values) - 1)))


def _p_of_share(hits: int, n: int, region: Region) -> float:
    binomial = _scipy().binom
    share = hits / n
    tails = []
    for end in (region.above, region.below):
        if end is not None:
            beyond = binomial.sf(hits - 1, n, end) if share > end else binomial.cdf(hits, n, end)
            tails.append((abs(share - end), min(1.0, 2 * float(beyond))))
    if share in region:
        return max(p for _, p in tails)
    return min(tails)[1]


def _seeds_of_mean(values: Sequence[float], region: Region, alpha: float) -> int | None:
    mean, error = _mean_and_error(values)
    distance, deviation = _distance(mean, region), error * math.sqrt(len(values))
    if distance == 0:
        return None
    if deviation == 0:
        return math.ceil(math.log2(2 / alpha)) + 1
    from statsmodels.stats.power import TTestPower  # noqa: PLC0415

    power = TTestPower().power
    return _smallest(lambda n: power(distance / deviation, n, alpha) >= POWER)


def _seeds_of_share(share: float, region: Region, alpha: float) -> int | None:
    return _smallest(lambda n: _p_of_share(round(share * n), n, region) < alpha)


def _smallest(enough: Callable[[int], bool]) -> int | None:
    """The smallest number of seeds from 2 on that is enough, taking for granted that more seeds
    never are less; None beyond a hundred thousand."""
    high = 2
    while not enough(high):
        high *= 2
        if high > _MOST_SEEDS:
            return None
    low = high // 2
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
