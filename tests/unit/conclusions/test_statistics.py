"""Intervals, p values and their correction, against independent computations."""

import math
import random

import pytest
from scipy import stats

from service.domain.findings import Kind, Verdict
from service.studies import Evidence, Notebook, Sample
from service.studies.notebook import overall
from service.studies.statistics import Region, holm, interval, p_value, seeds_needed, slope
from tests.studies.synthetic import SyntheticReader

VALUES = [0.31, 0.12, 0.25, 0.40, 0.18, 0.22]


def test_the_mean_against_a_border_is_the_t_test() -> None:
    expected = stats.ttest_1samp(VALUES, 0.1)
    assert p_value(VALUES, Kind.MEAN, Region(above=0.1)) == pytest.approx(expected.pvalue)
    low, high = expected.confidence_interval(0.99)
    assert interval(VALUES, Kind.MEAN, 0.01) == pytest.approx((low, high))


def test_a_geometric_mean_is_a_mean_of_logarithms() -> None:
    expected = stats.ttest_1samp([math.log(v) for v in VALUES], math.log(0.5))
    region = Region(below=0.5)
    assert p_value(VALUES, Kind.GEOMETRIC_MEAN, region) == pytest.approx(expected.pvalue)


@pytest.mark.parametrize(("hits", "n"), [(0, 8), (3, 10), (10, 10)])
def test_a_share_has_the_interval_of_clopper_and_pearson(hits: int, n: int) -> None:
    found = interval([1.0] * hits + [0.0] * (n - hits), Kind.SHARE, 0.05)
    low = stats.beta.ppf(0.025, hits, n - hits + 1) if hits else 0.0
    high = stats.beta.ppf(0.975, hits + 1, n - hits) if hits < n else 1.0
    assert found == pytest.approx((low, high))


@pytest.mark.parametrize("kind", [Kind.MEAN, Kind.SHARE, Kind.GEOMETRIC_MEAN])
@pytest.mark.parametrize(
    "region", [Region(above=0.4), Region(below=0.6), Region(above=0.3, below=0.9)]
)
def test_p_is_the_level_at_which_the_interval_begins_to_decide(kind: Kind, region: Region) -> None:
    draw = random.Random(3)
    for _ in range(20):
        values = [float(draw.random() < 0.6) for _ in range(12)]
        if kind is not Kind.SHARE:
            values = [0.1 + draw.random() for _ in range(12)]
        p = p_value(values, kind, region)
        assert p is not None
        for alpha, decided in ((p * 1.001, True), (p * 0.999, False)):
            if not 0 < alpha < 1:
                continue
            ends = interval(values, kind, alpha)
            assert ends is not None
            low, high = ends
            above = -math.inf if region.above is None else region.above
            below = math.inf if region.below is None else region.below
            inside = low > above and high < below
            outside = high < above or low > below
            assert (inside or outside) is decided


def test_holm_steps_down_and_its_levels_decide_the_same() -> None:
    found = holm([0.04, 0.001, 0.02, 0.6])
    # By hand: 4 × 0.001; 3 × 0.02; max(2 × 0.04, 0.06); 0.6.
    assert [one.adjusted_p for one in found] == pytest.approx([0.08, 0.004, 0.06, 0.6])
    assert [one.alpha for one in found] == pytest.approx([0.05 / 3, 0.05 / 4, 0.05 / 3, 0.05 / 3])


def test_values_without_spread_are_judged_by_the_sign_test() -> None:
    assert p_value([1.0] * 6, Kind.MEAN, Region(above=0.0)) == pytest.approx(2 / 64)
    assert p_value([0.0] * 6, Kind.MEAN, Region(above=0.0)) == 1.0


def test_the_seeds_needed_have_the_power_that_is_promised() -> None:
    draw = random.Random(1)
    pilot = [draw.gauss(0.4, 1.0) for _ in range(6)]
    more = seeds_needed(pilot, Kind.MEAN, Region(above=0.0), 0.05)
    assert more is not None
    mean, deviation = sum(pilot) / 6, stats.tstd(pilot)
    wins = 0
    for _ in range(400):
        sample = [draw.gauss(mean, deviation) for _ in range(6 + more)]
        p = p_value(sample, Kind.MEAN, Region(above=0.0))
        wins += p is not None and p < 0.05
    assert wins / 400 == pytest.approx(0.8, abs=0.07)  # 3.5 standard errors


def test_at_the_border_no_number_of_seeds_would_do() -> None:
    assert seeds_needed([-1.0, 1.0], Kind.MEAN, Region(above=0.0), 0.05) is None
    assert seeds_needed([1.0], Kind.MEAN, Region(above=0.0), 0.05) == 1


def test_a_slope_is_that_of_least_squares() -> None:
    assert slope([1, 2, 3], [2.0, 4.0, 6.5]) == pytest.approx(2.25)


def test_pairs_are_seed_by_seed_and_what_has_no_pair_is_told() -> None:
    a = Sample(values={0: 1.0, 1: 2.0, 2: 5.0}, excluded={3: "diverged"}, jobs=("a",))
    b = Sample(values={1: 0.5, 2: 0.0, 3: 1.0}, jobs=("b",))
    found = a - b
    assert found.values == {1: 1.5, 2: 5.0}
    assert found.excluded == {3: "diverged", 0: "without a pair"}
    assert found.jobs == ("a", "b")
    assert (a / b).excluded[2] == "not finite"


def notebook() -> Notebook:
    return Notebook(Evidence(SyntheticReader(lambda job: None), {}))  # type: ignore[arg-type, return-value]


def test_claims_are_corrected_together() -> None:
    sample = Sample(values=dict(enumerate(VALUES)))
    alone, family = notebook(), notebook()
    alone.claim("x", sample, quantity="q", above=0.14)
    for i in range(8):
        family.claim(f"x{i}", sample, quantity="q", above=0.14)
    assert alone.close().verdict is Verdict.SUPPORTED
    corrected = family.close()
    assert corrected.verdict is Verdict.INCONCLUSIVE
    assert corrected.seeds_needed is not None
    (single,), (first, *_) = alone.close().statements, corrected.statements
    assert single.estimate.interval is not None
    assert first.estimate.interval is not None
    assert first.estimate.interval.low < 0.14 < single.estimate.interval.low


def test_too_many_seeds_without_a_value_decide_nothing() -> None:
    book = notebook()
    lost = Sample(
        values=dict(enumerate([1.0, 1.1, 0.9, 1.0])), excluded={8: "diverged", 9: "failed"}
    )
    book.claim("x", lost, quantity="q", above=0.0)
    (found,) = book.close().statements
    assert (found.verdict, found.p) == (Verdict.INCONCLUSIVE, None)
    assert found.estimate.excluded == {"diverged": 1, "failed": 1}


def test_a_study_is_refuted_by_any_and_supported_by_all_of_its_statements() -> None:
    s, r, i = Verdict.SUPPORTED, Verdict.REFUTED, Verdict.INCONCLUSIVE
    assert overall([s, s]) is s
    assert overall([s, i, r]) is r
    assert overall([s, i]) is i
    assert overall([]) is i
