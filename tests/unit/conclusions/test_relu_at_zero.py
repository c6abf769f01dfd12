"""relu-at-zero on zones and accuracies that are known."""

import math
from collections.abc import Collection

import pytest
from scipy import stats

from service.domain.findings import Estimate, Findings, Kind, Verdict
from service.domain.limits import Limits
from service.domain.study import Scale
from service.planning import expand
from service.studies import find_template
from tests.studies.synthetic import Job, Measured, Measuring, conclude, statement

DRAWS = 75


def world(
    *,
    float32: float = 0.05,
    float64: float = 0.0,
    effect: float = 0.0,
    overwritten: float = -0.3,
    missed: Collection[str] = (),
) -> Measuring:
    """Shares of the draws in the zone; what convention 1 adds to the accuracy, and what writing
    the convention over the gradient adds; precisions and shapes at which training meets no zero."""
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
        hidden = job.spec.network.hidden_widths
        if {job.spec.precision, f"{len(hidden)} x {hidden[0]}"} & set(missed):
            return Measured(
                epochs={
                    "validation_metric": [0.1, accuracy],
                    "kink_hits": [None, 0, 0],
                    "kink_effective": [None, 0, 0],
                    "first_effective_step": [None, None, None],
                }
            )
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
    for column, f in (
        ("zeros per call", lambda mean: mean / (calls * DRAWS * 8)),
        ("1 - exp(-rate · calls)", lambda mean: 1 - math.exp(-mean / (DRAWS * 8))),
    ):
        measured = cell(found, table, row, column)
        # Garwood (1936), by the tails of the Poisson distribution.
        low, high = stats.chi2.ppf([0.025, 0.975], [2 * zeros, 2 * zeros + 2]) / 2
        assert stats.poisson.sf(zeros - 1, low) == pytest.approx(0.025)
        assert measured.interval is not None
        assert measured.interval.low == pytest.approx(f(low))
        assert measured.interval.high == pytest.approx(f(high))
        assert measured.kind is Kind.RATE
        assert measured.jobs is not None
        assert len(found.evidence[measured.jobs].jobs) == 8
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


def test_depth_and_width_are_varied_in_training_too() -> None:
    found = conclude("relu-at-zero", world(), seeds=8, draws=DRAWS)
    row, table = ("bfloat16", "3 x 16", "1"), "Depth and width"
    assert cell(found, table, row, "kink hits").value == 80
    rate = cell(found, table, row, "hits per call")
    assert rate.value == pytest.approx(80 / (8 * 1438 * 3 * 16 * 3))
    for shape in ("1 x 16", "3 x 16", "1 x 64"):
        text = f"Convention 1 gives the accuracy of 0 to within a point, at {shape} in bfloat16."
        assert statement(found, text).decisive
    different = conclude("relu-at-zero", world(effect=-0.05), seeds=8, draws=DRAWS)
    assert statement(different, "at 3 x 16 in bfloat16").verdict is Verdict.REFUTED


def test_where_no_zero_was_met_the_accuracy_decides_nothing() -> None:
    found = conclude("relu-at-zero", world(missed=["float32", "1 x 64"]), seeds=8, draws=DRAWS)
    single = [one for one in found.statements if one.text.endswith("within a point, in float32.")]
    assert len(single) == 2
    assert not any(one.decisive for one in single)
    assert statement(found, "Convention 1 gives the accuracy of 0 to within a point, in b").decisive
    assert not statement(found, "at 1 x 64").decisive
    assert statement(found, "at 3 x 16").decisive
    (told,) = [one for one in found.remarks if "trained without normalisation in" in one]
    assert "in float32, none had" in told
    assert "Hit were some in bfloat16." in told
    assert any("not at 1 x 64" in one for one in found.remarks)


def test_where_no_network_met_a_zero_nothing_is_decided() -> None:
    """Accuracies that agree since the convention was never asked for support no claim."""
    found = conclude("relu-at-zero", world(missed=["float32", "bfloat16"]), seeds=8, draws=DRAWS)
    assert statement(found, "Some of the trained").verdict is Verdict.INCONCLUSIVE
    assert found.verdict is Verdict.INCONCLUSIVE


def test_what_was_published_is_foretold_for_as_many_examples() -> None:
    found = conclude("relu-at-zero", world(float32=0.015), seeds=8, draws=DRAWS)
    (told,) = [one for one in found.remarks if one.startswith("Published were")]
    rate = -math.log(1 - 0.463) / 60_000
    assert f"{1 - math.exp(-rate * 1438):.1%} would lie in the zone here" in told
    assert f"({1 - math.exp(-rate * 1797):.1%} if all 1,797" in told
    assert told.endswith("which contains the former.")
    many = conclude("relu-at-zero", world(float32=0.3), seeds=8, draws=DRAWS)
    assert any(one.endswith("which does not contain the former.") for one in many.remarks)


def test_full_scale_is_the_published_protocol() -> None:
    """Bertoin et al., section 3: MNIST's 60,000 images with pixels in [0, 1], float32, 1,000
    networks by PyTorch's own initialisation, mini-batches of 256, conventions 0 and 1."""
    template = find_template("relu-at-zero")
    sweeps = template.plan(template.options(Scale.FULL, {}))
    draws: dict[tuple[str, int, int], int] = {}
    for name in ("zone", "zone-half", "zone-shapes"):
        for member in expand(sweeps[name], Limits(), lambda error: []):
            spec = member.spec
            hidden = spec.network.hidden_widths
            cell = spec.precision, len(hidden), hidden[0]
            draws[cell] = draws.get(cell, 0) + spec.probes.bifurcation_draws
            assert (spec.training_examples, spec.dataset.feature_count) == (60_000, 784)
            assert (spec.batch_size, spec.epochs) == (256, 0)
            assert spec.network.init.name == "torch_default"
            assert (spec.dataset.scaling, spec.loss.name) == ("global_minmax", "cross_entropy")
    depths = {("float32", depth, 256) for depth in (1, 2, 3, 5, 6)}
    widths = {("float32", 3, width) for width in (16, 64, 256, 512, 1024)}
    others = {(precision, 3, 256) for precision in ("float64", "bfloat16", "float16")}
    assert draws == dict.fromkeys(depths | widths | others, 1000)
    found = conclude("relu-at-zero", world(float32=0.4), dataset="mnist_784", seeds=2)
    assert any("random split" in one for one in found.remarks)
