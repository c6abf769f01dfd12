"""relu-at-zero on zones and accuracies that are known."""

import math

import pytest

from service.domain.findings import Estimate, Findings, Verdict
from tests.studies.synthetic import Job, Measured, Measuring, conclude, statement

DRAWS = 75


def world(
    *, float32: float = 0.05, float64: float = 0.0, effect: float = 0.0, overwritten: float = -0.3
) -> Measuring:
    """Shares of the draws in the zone; what convention 1 adds to the accuracy, and what writing
    the convention over the gradient adds."""
    shares = {"float32": float32, "float64": float64, "bfloat16": 0.8, "float16": 0.2}

    def measure(job: Job) -> Measured:
        draws = job.spec.probes.bifurcation_draws
        if draws:
            share = shares[job.spec.precision]
            differing = sum(job.random.random() < share for _ in range(draws))
            return Measured(
                epochs={"bifurcation_differing": differing, "bifurcation_zeros": 2 * differing},
                environment={"engine": "stacked-torch", "blas": "mkl", "device": "cpu"},
            )
        a = job.spec.activation.convention or 0.0
        change = overwritten * a if job.spec.activation.overwrites_gradient else effect * a
        accuracy = 0.9 + change + job.random.gauss(0, 0.001)
        return Measured(
            epochs={
                "validation_metric": [0.1, accuracy],
                "kink_hits": [None, 7, 3],
                "kink_effective": [None, 5, 1],
                "first_effective_step": [None, 4, 40],
            }
        )

    return measure


def cell(found: Findings, table: str, row: tuple[str, ...], column: str) -> Estimate:
    (chosen,) = [one for one in found.tables if table in one.title]
    (cells,) = [one for one in chosen.rows if tuple(one[: len(row)]) == row]
    value = cells[chosen.columns.index(column)]
    assert isinstance(value, Estimate)
    return value


def test_it_is_supported_where_only_rounding_matters() -> None:
    found = conclude("relu-at-zero", world(), seeds=8, draws=DRAWS)
    assert found.verdict is Verdict.SUPPORTED
    zone = statement(found, "In float32").estimate
    assert zone.n == 8 * DRAWS
    assert zone.value == pytest.approx(0.05, abs=0.03)
    assert zone.jobs is not None
    assert len(found.evidence[zone.jobs].jobs) == 8


def test_it_is_refuted_where_double_precision_has_a_zone() -> None:
    found = conclude("relu-at-zero", world(float64=0.2), seeds=8, draws=DRAWS)
    assert found.verdict is Verdict.REFUTED
    assert statement(found, "In float64").verdict is Verdict.REFUTED


def test_it_is_refuted_where_accuracy_depends_on_the_convention() -> None:
    found = conclude("relu-at-zero", world(effect=-0.05), seeds=8, draws=DRAWS)
    assert found.verdict is Verdict.REFUTED
    assert (
        statement(
            found, "Convention 1 gives the accuracy of 0 to within a point, in float32"
        ).verdict
        is Verdict.REFUTED
    )


def test_no_zero_in_single_precision_decides_nothing_and_asks_for_draws() -> None:
    """0 of 600 does not say that there is none."""
    found = conclude("relu-at-zero", world(float32=0.0), seeds=8, draws=DRAWS)
    assert statement(found, "In float32").verdict is Verdict.INCONCLUSIVE
    assert found.verdict is Verdict.INCONCLUSIVE


def test_the_two_forms_are_compared_and_decide_nothing() -> None:
    found = conclude("relu-at-zero", world(), seeds=8, draws=DRAWS)
    form = statement(found, "Written over the gradient, convention 1 ")
    assert form.estimate.value == pytest.approx(-0.3, abs=0.01)
    assert form.verdict is Verdict.SUPPORTED
    assert not form.decisive
    same = statement(
        conclude("relu-at-zero", world(overwritten=0.05), seeds=8, draws=DRAWS),
        "convention 1 costs",
    )
    assert same.verdict is Verdict.REFUTED


def test_the_rate_of_zeros_stands_beside_the_published_one() -> None:
    found = conclude("relu-at-zero", world(), seeds=8, draws=DRAWS)
    row, table = ("float32", "1 x 256"), "Bifurcation zone"
    calls = 1438 * 256
    zeros = cell(found, table, row, "exact zeros").value
    rate = cell(found, table, row, "zeros per call").value
    assert zeros is not None
    assert rate == pytest.approx(zeros / (calls * DRAWS * 8))
    expected = cell(found, table, row, "1 - exp(-rate · calls)").value
    assert expected == pytest.approx(1 - math.exp(-(rate or 0) * calls))
    published = cell(found, table, row, "published rate").value
    assert published == pytest.approx(-math.log(1 - 0.054) / (60_000 * 256))


def test_hits_are_summed_over_epochs_and_seeds() -> None:
    found = conclude("relu-at-zero", world(), seeds=8, draws=DRAWS)
    row = ("float32", "none", "0.5")
    assert cell(found, "trained", row, "kink hits").value == 80
    assert cell(found, "trained", row, "effective hits").value == 48
    assert cell(found, "trained", row, "first effective step").value == 4


def test_draws_of_a_job_without_a_count_are_excluded() -> None:
    measured = world()

    def measure(job: Job) -> Measured:
        return Measured() if job.sweep == "zone" and job.seed == 0 else measured(job)

    zone = statement(conclude("relu-at-zero", measure, seeds=8, draws=DRAWS), "In float32").estimate
    assert (zone.n, zone.excluded) == (7 * DRAWS, {"not measured": DRAWS})


def test_full_scale_is_the_published_protocol() -> None:
    found = conclude("relu-at-zero", world(float32=0.4), dataset="mnist_784", seeds=2)
    zone = cell(found, "Bifurcation zone", ("float32", "3 x 256"), "share at the published rate")
    assert zone.value == pytest.approx(0.463, abs=1e-9)
