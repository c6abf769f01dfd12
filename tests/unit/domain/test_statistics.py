"""Student's t against published tables and against its density, integrated step by step."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.statistics import student_t_quantile, summarise

# NIST/SEMATECH e-Handbook, 1.3.6.7.2, two-sided 95%, rounded there to three digits.
_PUBLISHED = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 9: 2.262, 29: 2.045, 100: 1.984}


@pytest.mark.parametrize("degrees", _PUBLISHED)
def test_the_quantile_is_the_published_one(degrees: int) -> None:
    assert round(student_t_quantile(degrees), 3) == _PUBLISHED[degrees]


def _mass_within(t: float, degrees: int, steps: int = 4000) -> float:
    """P(|T| <= t) by Simpson's rule over the density."""
    scale = math.exp(math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2))
    scale /= math.sqrt(degrees * math.pi)

    def density(x: float) -> float:
        return scale * math.pow(1 + x * x / degrees, -(degrees + 1) / 2)

    width = t / steps
    inner = sum(density(i * width) * (4 if i % 2 else 2) for i in range(1, steps))
    return 2 * width / 3 * (density(0) + inner + density(t))


@given(degrees=st.integers(1, 400), confidence=st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_density_up_to_the_quantile_has_the_wanted_mass(
    degrees: int, confidence: float
) -> None:
    t = student_t_quantile(degrees, confidence)
    # Simpson's error is below 1e-9 but for the long tail of few degrees.
    assert _mass_within(t, degrees) == pytest.approx(confidence, abs=1e-6)


def test_many_degrees_come_close_to_the_normal_distribution() -> None:
    normal = statistics.NormalDist().inv_cdf(0.975)
    # t exceeds z by (z³ + z) / (4 degrees) to first order.
    expected = normal + (normal**3 + normal) / (4 * 9999)
    assert student_t_quantile(9999) == pytest.approx(expected, abs=1e-7)


def test_no_degree_of_freedom_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        student_t_quantile(0)


def test_a_summary_by_hand() -> None:
    summary = summarise([1.0, 2.0, 4.0])
    assert summary.n == 3
    assert summary.mean == pytest.approx(7 / 3)
    assert summary.standard_deviation == pytest.approx(math.sqrt(7 / 3))
    half = 4.302652729749462 * math.sqrt(7 / 3) / math.sqrt(3)
    assert summary.interval is not None
    assert summary.interval.low == pytest.approx(7 / 3 - half)
    assert summary.interval.high == pytest.approx(7 / 3 + half)


def test_too_few_values_leave_null() -> None:
    assert summarise([]).model_dump() == {
        "n": 0,
        "mean": None,
        "standard_deviation": None,
        "interval": None,
    }
    one = summarise([3.0])
    assert (one.n, one.mean, one.standard_deviation, one.interval) == (1, 3.0, None, None)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=5))
def test_no_finite_value_is_too_large(values: list[float]) -> None:
    assert summarise(values).n == len(values)


def test_the_mean_of_the_largest_numbers_is_a_number() -> None:
    largest = 1.7976931348623157e308
    assert summarise([largest] * 3).mean == largest
    assert summarise([largest, -largest, largest]).mean == pytest.approx(largest / 3)
