"""softplus-limit on training curves whose distance is known."""

import pytest

from service.domain.findings import Verdict
from tests.studies.synthetic import Job, Measured, Measuring, conclude, statement

EPOCHS = 3


def curves(*, exponent: float, accuracy_gap: float = 0.0) -> Measuring:
    """Training losses of softplus that lie 0.5 beta^-exponent above those of relu."""

    def measure(job: Job) -> Measured:
        if job.sweep == "cost":
            times = {"activation": 1.5 + 0.002 * job.seed, "relu": 1.0}
            return Measured(
                epochs={
                    f"{name}_{way}_s": time
                    for name, time in times.items()
                    for way in ("forward", "backward")
                }
            )
        relu = [2.0 / (1 + epoch) + 0.01 * job.seed for epoch in range(EPOCHS + 1)]
        if job.sweep == "relu":
            return Measured(
                epochs={
                    "train_loss": relu,
                    "validation_metric": 0.9,
                    "kink_hits": [None, 0, 0, 0],
                    "kink_effective": [None, 0, 0, 0],
                }
            )
        beta = job.point["activation.beta"]
        apart = 0.5 * beta**-exponent * (1 + job.random.gauss(0, 0.02))
        return Measured(
            epochs={
                "train_loss": [relu[0], relu[1] + apart, *relu[2:]],
                "validation_metric": 0.9 - accuracy_gap + job.random.gauss(0, 0.0005),
            }
        )

    return measure


def test_it_is_supported_where_the_curves_meet() -> None:
    found = conclude("softplus-limit", curves(exponent=1.0), epochs=EPOCHS)
    assert found.verdict is Verdict.SUPPORTED
    slope = statement(found, "sharper").estimate
    assert slope.value == pytest.approx(-1.0, abs=0.02)
    cost = statement(found, "costs more")
    # Five repetitions from 1.5 to 1.508: not one number of a cohort, told by each of its seeds.
    assert cost.estimate.value == pytest.approx(1.504, abs=1e-4)
    assert cost.estimate.n == 5
    assert cost.estimate.jobs is not None
    assert len(found.evidence[cost.estimate.jobs].jobs) == 5
    assert cost.verdict is Verdict.SUPPORTED


def test_it_is_refuted_where_sharpness_gains_nothing() -> None:
    found = conclude("softplus-limit", curves(exponent=0.0), epochs=EPOCHS)
    assert found.verdict is Verdict.REFUTED
    assert statement(found, "sharper").verdict is Verdict.REFUTED


def test_it_is_refuted_where_the_accuracy_stays_apart() -> None:
    found = conclude("softplus-limit", curves(exponent=1.0, accuracy_gap=0.05), epochs=EPOCHS)
    assert statement(found, "same accuracy").verdict is Verdict.REFUTED
    assert found.verdict is Verdict.REFUTED


def test_the_distance_is_the_largest_over_the_epochs_between_the_same_seeds() -> None:
    found = conclude("softplus-limit", curves(exponent=1.0), epochs=EPOCHS)
    column = found.tables[0].columns.index("largest distance of the training losses")
    (row,) = (row for row in found.tables[0].rows if row[0] == "10")
    cell = row[column]
    assert not isinstance(cell, str)
    assert cell.value == pytest.approx(0.05, rel=0.05)
    assert cell.jobs is not None
    assert len(found.evidence[cell.jobs].jobs) == 2 * cell.n
