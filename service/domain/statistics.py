"""Mean, standard deviation and confidence interval of a few values."""

import functools
import math
import statistics
from collections.abc import Callable, Sequence

from service.domain.base import DomainModel
from service.domain.metrics import Number

CONFIDENCE = 0.95


class Interval(DomainModel):
    """Both ends of a confidence interval."""

    low: Number
    high: Number


class Summary(DomainModel):
    """Of n finite values; null where n is too small."""

    n: int
    mean: Number | None
    standard_deviation: Number | None
    interval: Interval | None


def summarise(values: Sequence[float], confidence: float = CONFIDENCE) -> Summary:
    """Mean; sample standard deviation (n - 1), null below two values; and the interval
    mean ± t · s / √n, with t the (1 + confidence) / 2 quantile of Student's t with n - 1 degrees.

    Sums are exact (`statistics.fmean`, `statistics.stdev`); a spread beyond float64 is infinite.
    """
    n = len(values)
    if n == 0:
        return Summary(n=0, mean=None, standard_deviation=None, interval=None)
    try:
        mean = statistics.fmean(values)
    except OverflowError:  # of the sum, where the mean itself may still be a number
        shift = n.bit_length()  # a power of two, so that nothing is rounded
        mean = math.ldexp(statistics.fmean(math.ldexp(v, -shift) for v in values), shift)
    if n == 1:
        return Summary(n=1, mean=mean, standard_deviation=None, interval=None)
    try:
        deviation = statistics.stdev(values)
    except OverflowError:
        deviation = math.inf
    half = student_t_quantile(n - 1, confidence) * deviation / math.sqrt(n)
    interval = Interval(low=mean - half, high=mean + half)
    return Summary(n=n, mean=mean, standard_deviation=deviation, interval=interval)


def share_interval(hits: int, n: int, confidence: float = CONFIDENCE) -> Interval | None:
    """Of a probability, from `hits` in `n` trials (Clopper and Pearson 1934): the ends are the
    probabilities at which so many hits or more, so many or fewer, have probability
    (1 - confidence) / 2. They are bisected to the last bit. None for n = 0."""
    if n == 0:
        return None
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else _where(lambda p: _at_least(hits, n, p) < tail)
    high = 1.0 if hits == n else _where(lambda p: 1 - _at_least(hits + 1, n, p) > tail)
    return Interval(low=low, high=high)


def _at_least(hits: int, n: int, p: float) -> float:
    return math.fsum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(hits, n + 1))


def _where(is_below: Callable[[float], bool]) -> float:
    """The number in (0, 1) up to which the condition holds."""
    low, high = 0.0, 1.0
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return high


@functools.lru_cache(maxsize=1024)
def student_t_quantile(degrees: int, confidence: float = CONFIDENCE) -> float:
    """The t with P(|T| <= t) = `confidence` for Student's t with that many degrees of freedom.

    For an integer number of degrees the probability is a finite sum in θ = arctan(t / √degrees)
    (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4), which grows with θ: it is inverted by
    bisection to the last bit of θ. No table and no approximation; about 15 digits.
    """
    if degrees < 1:
        raise ValueError("Student's t needs at least one degree of freedom")
    low, high = 0.0, math.pi / 2
    while low < (middle := (low + high) / 2) < high:
        if _probability_within(middle, degrees) < confidence:
            low = middle
        else:
            high = middle
    return math.tan(high) * math.sqrt(degrees)


def _probability_within(theta: float, degrees: int) -> float:
    cosine, sine = math.cos(theta), math.sin(theta)
    if degrees % 2:
        # 2/π (θ + sin θ (cos θ + 2/3 cos³ θ + 2·4/(3·5) cos⁵ θ + … up to cos^(degrees-2)))
        term = total = cosine if degrees > 1 else 0.0
        for k in range(3, degrees - 1, 2):
            term *= cosine * cosine * (k - 1) / k
            total += term
        return 2 / math.pi * (theta + sine * total)
    # sin θ (1 + 1/2 cos² θ + 1·3/(2·4) cos⁴ θ + … up to cos^(degrees-2))
    term = total = 1.0
    for k in range(2, degrees - 1, 2):
        term *= cosine * cosine * (k - 1) / k
        total += term
    return sine * total
