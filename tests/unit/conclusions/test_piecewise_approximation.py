"""piecewise-approximation on errors that fall by a known power."""

import math

import pytest

from service.domain.findings import Verdict
from tests.studies.synthetic import Job, Measured, Measuring, conclude, statement


def falling(power: float, regions: float = 1.0, *, bump: float | None = None) -> Measuring:
    """An error of n^power, of the bump n^bump, and n^regions + 1 regions, and a little noise."""

    def measure(job: Job) -> Measured:
        (n,) = job.point["network.hidden"]
        own = bump if bump is not None and job.sweep == "bump" else power
        error = n**own * 10 ** job.random.gauss(0, 0.05)
        return Measured(
            epochs={"validation_loss": error**2, "linear_regions": round(n**regions) + 1}
        )

    return measure


def test_it_is_supported_where_the_error_falls_like_the_best() -> None:
    found = conclude("piecewise-approximation", falling(-2.0))
    assert found.verdict is Verdict.SUPPORTED
    rate = statement(found, "On the sine it falls like the best").estimate
    assert rate.value == pytest.approx(-2.0, abs=0.05)
    assert statement(found, "On the sine the trained function").verdict is Verdict.SUPPORTED


def test_it_is_refuted_where_training_gives_a_smaller_rate() -> None:
    found = conclude("piecewise-approximation", falling(-1.0))
    assert found.verdict is Verdict.REFUTED
    assert (
        statement(found, "On the sine the error falls with the number").verdict is Verdict.SUPPORTED
    )
    assert statement(found, "On the sine it falls like the best").verdict is Verdict.REFUTED


def test_it_is_refuted_where_units_do_not_help() -> None:
    found = conclude("piecewise-approximation", falling(0.3))
    assert (
        statement(found, "On the sine the error falls with the number").verdict is Verdict.REFUTED
    )


def test_each_smooth_target_has_statements_of_its_own() -> None:
    found = conclude("piecewise-approximation", falling(-2.0, bump=-1.0))
    assert found.verdict is Verdict.REFUTED
    assert statement(found, "On the sine it falls like the best").verdict is Verdict.SUPPORTED
    bump = statement(found, "On the Gaussian bump it falls like the best")
    assert bump.verdict is Verdict.REFUTED
    assert bump.estimate.value == pytest.approx(-1.0, abs=0.05)
    assert statement(found, "On the Gaussian bump the error falls").verdict is Verdict.SUPPORTED


def test_units_that_bend_nowhere_show_in_the_regions() -> None:
    found = conclude("piecewise-approximation", falling(-2.0, regions=0.3))
    assert statement(found, "On the sine the trained function").verdict is Verdict.REFUTED
    assert found.verdict is Verdict.SUPPORTED


def test_the_table_has_the_error_of_each_width() -> None:
    table = conclude("piecewise-approximation", falling(-2.0)).tables[0]
    cell = table.rows[-1][1]
    assert not isinstance(cell, str)
    assert cell.value is not None
    assert math.log10(cell.value) == pytest.approx(-2 * math.log10(32), abs=0.1)
