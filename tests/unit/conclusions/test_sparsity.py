"""sparsity on accuracies whose gap is known."""

import pytest

from service.domain.findings import Verdict
from tests.studies.synthetic import Job, Measured, Measuring, conclude, statement


def generalising(*, relu: float, dense: float, zeros: float = 0.6, slope: float = 0.0) -> Measuring:
    """Gaps of these sizes with and without exact zeros, and a little noise."""

    def measure(job: Job) -> Measured:
        is_sparse = job.spec.activation.name == "relu"
        bias = job.spec.network.init.bias
        share = (zeros - 0.2 * bias) if is_sparse else 0.0
        gap = relu + slope * (share - zeros) if is_sparse else dense
        return Measured(
            epochs={
                "sparsity": share,
                "train_metric": 0.99,
                "validation_metric": 0.99 - gap + job.random.gauss(0, 0.001),
            }
        )

    return measure


def test_it_is_supported_where_zeros_close_the_gap() -> None:
    found = conclude("sparsity", generalising(relu=0.02, dense=0.05, slope=-0.2))
    assert found.verdict is Verdict.SUPPORTED
    assert statement(found, "gap is smaller than with gelu").estimate.value == pytest.approx(
        -0.03, abs=0.002
    )
    assert statement(found, "higher than with gelu").verdict is Verdict.SUPPORTED
    among = statement(found, "Among relu networks")
    assert among.estimate.value == pytest.approx(-0.2, abs=0.02)
    assert among.verdict is Verdict.SUPPORTED


@pytest.mark.parametrize("dense", [0.05, 0.03])
def test_it_is_refuted_where_they_do_not(dense: float) -> None:
    found = conclude("sparsity", generalising(relu=0.05, dense=dense))
    assert found.verdict is Verdict.REFUTED
    assert statement(found, "than with leaky_relu by more").verdict is Verdict.REFUTED
    assert statement(found, "Among relu networks").verdict is Verdict.REFUTED


def test_a_smaller_advantage_is_not_the_key() -> None:
    found = conclude("sparsity", generalising(relu=0.03, dense=0.032), seeds=30)
    assert found.verdict is Verdict.REFUTED
    assert statement(found, "higher than with gelu").verdict is Verdict.SUPPORTED


def test_without_zeros_there_is_nothing_to_tell() -> None:
    found = conclude("sparsity", generalising(relu=0.02, dense=0.05, zeros=0.2))
    assert statement(found, "a third").verdict is Verdict.REFUTED
