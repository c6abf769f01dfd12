"""dying-relu on units whose deaths are known."""

import math

import pytest

from service.domain.findings import Verdict
from service.studies import UnitHistory
from tests.studies.synthetic import Job, Measured, Measuring, conclude, run, statement

BORN = 0.05


def units(*, revive: bool) -> UnitHistory:
    """Four units over four epochs: two die in the first, and one of these may come back."""
    back = not revive
    dead = [[False] * 4, [True, True, False, False], [True] * 2 + [False] * 2]
    return UnitHistory(
        epochs=[0, 1, 2, 3], dead=[*dead, [True, back, False, False]], activity=[[0.0] * 4] * 4
    )


def dying(
    *, half_at: float = 0.05, most: float = 0.8, revivals: frozenset[str] = frozenset()
) -> Measuring:
    """The share that dies is `most` / 2 at the rate `half_at`, 0 far below and `most` far above;
    of the cases named in `revivals` units come back."""

    def measure(job: Job) -> Measured:
        if job.sweep in ("strict", "momentum", "deeper"):
            history = units(revive=job.sweep in revivals)
            return Measured(units={0: history, 1: history})
        rate = job.spec.optimizer.learning_rate
        share = most / (1 + (half_at / rate) ** 4) + job.random.gauss(0, 0.001)
        return Measured(
            epochs={
                "dead_fraction": [BORN, BORN + 0.7 * share, BORN + share],
                "validation_metric": 0.97 - 0.2 * share,
            }
        )

    return measure


FREE = frozenset({"momentum", "deeper"})


def test_it_is_supported_where_large_rates_kill_for_good() -> None:
    found = conclude("dying-relu", dying(revivals=FREE))
    assert found.verdict is Verdict.SUPPORTED
    assert statement(found, "momentum 0.9").verdict is Verdict.SUPPORTED
    # One of the two that died came back.
    assert statement(found, "second layer").estimate.value == pytest.approx(0.5)
    assert statement(found, "very first update").estimate.value == pytest.approx(0.7)


def test_it_is_refuted_where_the_dead_come_back() -> None:
    found = conclude("dying-relu", dying(revivals=FREE | {"strict"}))
    assert found.verdict is Verdict.REFUTED
    assert statement(found, "stay dead").verdict is Verdict.REFUTED


def test_it_is_refuted_where_no_rate_kills() -> None:
    found = conclude("dying-relu", dying(most=0.02, revivals=FREE))
    assert found.verdict is Verdict.REFUTED
    assert statement(found, "largest rate").verdict is Verdict.REFUTED


def test_it_is_refuted_where_the_smallest_rate_kills_too() -> None:
    found = conclude("dying-relu", dying(half_at=1e-4, revivals=FREE))
    assert statement(found, "smallest rate").verdict is Verdict.REFUTED


def test_the_rate_of_forty_percent_is_found_by_bisection() -> None:
    # A share of 0.4 of 0.8 is reached at `half_at` itself; those born dead do not count.
    found = conclude("dying-relu", dying(half_at=0.05, revivals=FREE), bisections=6)
    table = next(table for table in found.tables if table.title.startswith("Where 40%"))
    rate, share, left, best = table.rows[0]
    assert not isinstance(rate, str)
    assert not isinstance(share, str)
    assert not isinstance(left, str)
    assert not isinstance(best, str)
    assert rate.value == pytest.approx(0.05, rel=0.03)
    assert rate.interval is not None
    assert rate.interval.low < 0.05 < rate.interval.high
    assert share.value == pytest.approx(0.4, abs=0.02)
    assert left.value == pytest.approx(0.97 - 0.08, abs=0.01)
    assert best.value == pytest.approx(0.97, abs=0.01)
    assert statement(found, "Where 40%").verdict is Verdict.SUPPORTED


def test_each_bisection_halves_what_is_left_on_the_logarithmic_scale() -> None:
    _, options, evidence = run("dying-relu", dying(half_at=0.05, revivals=FREE), bisections=4)
    tried = [
        evidence.runs(name)[0].spec["optimizer"]["learning_rate"]
        for name in evidence.sweeps
        if name.startswith("bisection-")
    ]
    assert len(tried) == 4
    assert tried[0] == pytest.approx(math.sqrt(0.03 * 0.1), rel=1e-5)
    assert all(0.03 < rate < 0.1 for rate in tried)
    assert options.bisections == 4


def test_nothing_is_bisected_where_forty_percent_is_never_reached() -> None:
    _, _, evidence = run("dying-relu", dying(most=0.3, revivals=FREE))
    assert not [name for name in evidence.sweeps if name.startswith("bisection-")]
    found = conclude("dying-relu", dying(most=0.3, revivals=FREE))
    table = next(table for table in found.tables if table.title.startswith("Where 40%"))
    rate = table.rows[0][0]
    assert not isinstance(rate, str)
    assert rate.value is None
    assert rate.excluded == {"not finite": 8}


def test_trainings_that_diverge_count_as_dead_and_as_guesses() -> None:
    alive = dying(revivals=FREE)

    def measure(job: Job) -> Measured:
        if job.sweep == "rates" and job.spec.optimizer.learning_rate > 0.2:
            return Measured(diverged_at_step=3)
        return alive(job)

    found = conclude("dying-relu", measure)
    assert statement(found, "largest rate").estimate.value == pytest.approx(1.0, abs=0.01)
    table = next(table for table in found.tables if table.title == "By rate")
    last = table.rows[-1][2]
    assert not isinstance(last, str)
    assert last.value == pytest.approx(0.1)
