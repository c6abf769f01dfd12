"""remedies on dead shares and accuracies that are known."""

import pytest

from service.domain.findings import Verdict
from tests.studies.synthetic import Job, Measured, Measuring, conclude, statement


def remedying(
    *, relu: float = 0.4, dead: float = 0.05, accuracy: float = 0.95, bad: str = ""
) -> Measuring:
    """relu loses `relu` of its units and has an accuracy of 0.9; every remedy these, but for the
    bad one, which diverges."""

    def measure(job: Job) -> Measured:
        if job.sweep == "cost":
            ratio = {"relu": 1.0, "elu": 2.0}.get(job.spec.activation.name, 1.5)
            return Measured(
                epochs={
                    "activation_forward_s": ratio,
                    "activation_backward_s": 3 * ratio,
                    "relu_forward_s": 1.0,
                    "relu_backward_s": 3.0,
                }
            )
        if job.sweep == bad:
            return Measured(diverged_at_step=7)
        share, right = (relu, 0.9) if job.sweep == "relu" else (dead, accuracy)
        return Measured(
            epochs={
                "dead_fraction": share + job.random.gauss(0, 0.005),
                "dormant_fraction": share,
                "validation_metric": right + job.random.gauss(0, 0.005),
            }
        )

    return measure


def test_it_is_supported_where_every_remedy_keeps_units_and_pays() -> None:
    found = conclude("remedies", remedying())
    assert found.verdict is Verdict.SUPPORTED
    batch = statement(found, "With batch_normalization fewer")
    assert batch.estimate.value == pytest.approx(-0.35, abs=0.01)
    assert batch.estimate.n == 8


def test_it_is_refuted_where_one_of_them_does_not_pay() -> None:
    found = conclude("remedies", remedying(accuracy=0.85))
    assert found.verdict is Verdict.REFUTED
    assert statement(found, "With elu fewer").verdict is Verdict.SUPPORTED
    assert statement(found, "With elu the network").verdict is Verdict.REFUTED


def test_a_remedy_that_diverges_is_no_remedy() -> None:
    found = conclude("remedies", remedying(bad="prelu"))
    assert found.verdict is Verdict.REFUTED
    prelu = statement(found, "With prelu fewer")
    assert (prelu.verdict, prelu.estimate.n) == (Verdict.REFUTED, 8)
    assert statement(found, "With rrelu fewer").verdict is Verdict.SUPPORTED


def test_where_nothing_dies_there_is_nothing_to_remedy() -> None:
    found = conclude("remedies", remedying(relu=0.02, dead=0.0))
    assert found.verdict is Verdict.REFUTED
    assert statement(found, "At this rate").verdict is Verdict.REFUTED


def test_activations_are_timed_by_turns_with_relu_and_nothing_else_is() -> None:
    found = conclude("remedies", remedying())
    (table,) = found.tables
    costs = {row[0]: row[-1] for row in table.rows}
    elu = costs["elu"]
    assert not isinstance(elu, str)
    assert elu.value == pytest.approx(2.0)
    assert elu.jobs is not None
    assert len(found.evidence[elu.jobs].jobs) == elu.n == 8
    untimed = [name for name, cost in costs.items() if cost == "not timed"]
    assert untimed == ["batch_normalization", "clipping", "warm_up"]
