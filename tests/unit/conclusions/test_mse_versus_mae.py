"""mse-versus-mae on trainings whose gaps, shifts and weights are known."""

import math

import pytest

from service.domain.findings import Verdict
from tests.studies.synthetic import Job, Measured, Measuring, conclude, statement

STEPS = 20


def training(
    *, mae_settles: bool = False, mse_resists: bool = False, convention_matters: bool = False
) -> Measuring:
    """Squared error: a gap that falls to a tenth each step, and weights that outliers move by a
    half. Absolute error: a gap that stays at the rate, and weights that they move by 2%."""

    def measure(job: Job) -> Measured:
        loss, constant = job.spec.loss.name, job.spec.optimizer.schedule.name == "constant"
        if loss == "mse" or mae_settles:
            gaps = [max(10.0**-step, 1e-17) for step in range(STEPS + 1)]
        else:
            floor = job.spec.optimizer.learning_rate if constant else 1e-4
            gaps = [max(0.7**step, floor) for step in range(STEPS + 1)]
        noise = job.random.gauss(0, 0.001)
        shift = {"mse": 0.02 if mse_resists else 0.5, "mae": 0.02}[loss] + noise
        weights = [3.0, 4.0 + (5.0 * shift if job.sweep == "moved" else 0.0)]
        counts = job.sweep == "convention-counts"
        if job.sweep.startswith("convention") and (counts or convention_matters):
            weights[0] += job.spec.loss.convention or 0.0
        return Measured(
            epochs={
                "optimality_gap": gaps,
                "train_loss": 1.0,
                "loss_kink_hits": [None, 7 if counts else 0],
            },
            weights={"0.weight": weights},
        )

    return measure


def test_it_is_supported_where_the_folklore_holds() -> None:
    found = conclude("mse-versus-mae", training(), epochs=STEPS)
    assert found.verdict is Verdict.SUPPORTED
    nearer = statement(found, "fewer steps")
    # Below 1%: 3 steps; the best constant rate is 0.02, which never gets there: all 20.
    assert nearer.estimate.value == pytest.approx(math.log10(20 / 3))
    outliers = statement(found, "Outliers").estimate.value
    assert outliers == pytest.approx(math.log10(0.5 / 0.02), abs=0.05)
    assert statement(found, "integers").verdict is Verdict.SUPPORTED


def test_it_is_refuted_where_absolute_error_settles_too() -> None:
    found = conclude("mse-versus-mae", training(mae_settles=True), epochs=STEPS)
    assert found.verdict is Verdict.REFUTED
    assert statement(found, "Absolute error does not").verdict is Verdict.REFUTED
    assert statement(found, "Squared error reaches").verdict is Verdict.SUPPORTED


def test_it_is_refuted_where_outliers_move_both_alike() -> None:
    found = conclude("mse-versus-mae", training(mse_resists=True), epochs=STEPS)
    assert statement(found, "Outliers").verdict is Verdict.REFUTED
    assert found.verdict is Verdict.REFUTED


def test_a_convention_that_moves_weights_is_found() -> None:
    found = conclude("mse-versus-mae", training(convention_matters=True), epochs=STEPS)
    real = statement(found, "real-valued")
    assert (real.estimate.value, real.verdict) == (1.0, Verdict.REFUTED)


def test_hits_of_the_kink_are_counted_over_all_epochs_and_seeds() -> None:
    found = conclude("mse-versus-mae", training(), epochs=STEPS, seeds=8)
    table = next(one for one in found.tables if "exactly 0" in one.title)
    hits = {(row[0], row[1]): row[2] for row in table.rows}
    counts, real = hits["counts", "-1"], hits["real", "-1"]
    assert not isinstance(counts, str)
    assert not isinstance(real, str)
    assert (counts.value, real.value) == (56, 0)
    # Of each of 8 seeds all training examples, in each of the 20 steps.
    (looked,) = {row[3].value for row in table.rows if not isinstance(row[3], str)}
    examples = round(256 * 0.8)
    assert looked == 8 * examples * STEPS


def test_what_a_constant_step_does_is_told_from_what_it_did() -> None:
    (told,) = conclude("mse-versus-mae", training(), epochs=STEPS).remarks
    assert "with 8 features 9 residuals" in told
    # Gaps fall as 0.7^step until they are as large as the rate: 0.7^10 is 0.028.
    assert "0.02: 10^-1.7, by -0.1 decades in the second half" in told
    assert "0.2: 10^-0.7, by 0.0 decades" in told
    assert told.endswith("With a step that decays to 0: 10^-3.1.")
