"""vanishing-gradient on gradients whose decay is known."""

import math

import pytest

from service.domain.findings import Verdict
from tests.studies.synthetic import Job, Measured, Measuring, conclude, statement

DEPTHS = [2, 10, 30]


def decaying(**decades_per_layer: float) -> Measuring:
    """Norms that fall by so many decades from a layer to the one before it, and a little noise."""

    def measure(job: Job) -> Measured:
        activation, _, kind = job.sweep.partition("-")
        fall = 0.4 if kind == "default" else decades_per_layer[activation]
        depth = len(job.point["network.hidden"])
        norms = [10 ** (-fall * (depth - 1 - i) + job.random.gauss(0, 0.02)) for i in range(depth)]
        return Measured(
            epochs={"validation_metric": 0.9}, layers={"grad_norm_last": [[None] * depth, norms]}
        )

    return measure


def test_it_is_supported_where_sigmoid_and_tanh_decay_and_relu_does_not() -> None:
    found = conclude("vanishing-gradient", decaying(sigmoid=0.6, tanh=0.1, relu=0.0), depths=DEPTHS)
    assert found.verdict is Verdict.SUPPORTED
    sigmoid = statement(found, "With sigmoid")
    assert sigmoid.estimate.value == pytest.approx(-0.6, abs=0.01)
    assert sigmoid.estimate.interval is not None
    assert sigmoid.estimate.interval.low < -0.6 < sigmoid.estimate.interval.high
    assert sigmoid.estimate.n == 5
    assert statement(found, "default").verdict is Verdict.SUPPORTED


def test_it_is_refuted_where_tanh_keeps_its_gradient() -> None:
    found = conclude("vanishing-gradient", decaying(sigmoid=0.6, tanh=0.0, relu=0.0), depths=DEPTHS)
    assert found.verdict is Verdict.REFUTED
    assert statement(found, "With tanh").verdict is Verdict.REFUTED
    assert statement(found, "With sigmoid").verdict is Verdict.SUPPORTED


def test_the_ratio_is_that_of_first_to_last_layer_with_the_jobs_behind_it() -> None:
    found = conclude("vanishing-gradient", decaying(sigmoid=0.5, tanh=0.1, relu=0.0), depths=DEPTHS)
    ratios = found.tables[0]
    row = next(row for row in ratios.rows if row[0] == "sigmoid")
    cell = row[ratios.columns.index("depth 30")]
    assert not isinstance(cell, str)
    assert cell.value is not None
    assert math.log10(cell.value) == pytest.approx(-0.5 * 29, abs=0.05)
    assert cell.jobs is not None
    assert len(found.evidence[cell.jobs].jobs) == 5


def test_networks_without_any_gradient_are_excluded_and_counted() -> None:
    alive = decaying(sigmoid=0.6, tanh=0.1, relu=0.0)

    def measure(job: Job) -> Measured:
        if job.sweep == "relu" and job.seed == 3:
            depth = len(job.point["network.hidden"])
            return Measured(layers={"grad_norm_last": [[None] * depth, [0.0] * depth]})
        return alive(job)

    relu = statement(conclude("vanishing-gradient", measure, depths=DEPTHS), "With relu")
    assert relu.estimate.excluded == {"not measured": 1}
    assert relu.estimate.n == 4
