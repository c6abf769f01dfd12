"""What a diagnosis makes of how a job ended: divergence, failure, cancellation, lost attempts."""

from typing import Any

import pytest

from service.domain.diagnosis import Code, Severity
from service.domain.states import JobStatus, Outcome, Reason
from tests.unit.diagnosis.histories import (
    INF,
    NAN,
    found,
    growing,
    moved,
    past,
)


def test_divergence_is_told_with_its_step_and_what_went_before() -> None:
    history = past(
        epochs={
            "train_loss": [2.3, 5.0, NAN],
            "grad_norm_max": [None, 40.0, NAN],
            "train_metric": [0.1, 0.1, NAN],
        },
        layers={"dead": [[0, 0], [0, 0], [None, None]]},
        outcome=Outcome.DIVERGED,
        diverged_at_step=31,
    )
    findings = found(history)
    diverged = findings[Code.DIVERGED]
    assert diverged.severity is Severity.CRITICAL
    assert "step 31 (epoch 2)" in diverged.summary
    assert [(one.quantity, one.epoch) for one in diverged.evidence[:3]] == [
        ("diverged_at_step", 2),
        ("train_loss", 1),
        ("grad_norm_max", 1),
    ]
    assert diverged.treatments[0].changes == {"optimizer.learning_rate": 0.01}
    # A guess after divergence says nothing about learning.
    assert Code.NO_LEARNING not in findings
    assert Code.HEALTHY not in findings


def test_divergence_before_the_first_step_blames_the_start() -> None:
    history = past(
        epochs={"train_loss": [INF]}, outcome=Outcome.DIVERGED, diverged_at_step=0,
        spec={"precision": "float16"},
    )  # fmt: skip
    diverged = found(history)[Code.DIVERGED]
    assert "initial weights" in diverged.summary
    assert diverged.treatments[0].changes == {"precision": "float32"}


@pytest.mark.parametrize("reason", [r for r in Reason if r not in ("handed_back", "retried")])
def test_a_failure_is_told_with_its_reason(reason: Reason) -> None:
    history = past(
        epochs={},
        status=JobStatus.FAILED,
        outcome=None,
        reason=reason,
        detail="It broke.",
        attempt=3,
    )
    (failed,) = found(history).values()
    assert (failed.code, failed.severity) == (Code.FAILED, Severity.CRITICAL)
    assert "It broke" in failed.summary
    assert "not even epoch 0" in failed.summary
    assert failed.series is None
    assert [one.value for one in failed.evidence] == [3, None]
    changes = [one.changes for one in failed.treatments]
    assert changes == ([{"batch_size": 32}] if reason is Reason.OUT_OF_MEMORY else [])


def test_a_failure_in_mid_run_tells_how_far_it_came_and_what_was_seen() -> None:
    history = past(
        status=JobStatus.FAILED, outcome=None, reason=Reason.WORKER_LOST,
        spec={"epochs": 50}, layers={"dead": growing(90)},
    )  # fmt: skip
    findings = found(history)
    assert "epoch 8 of 50" in findings[Code.FAILED].summary
    assert Code.DEAD_UNITS in findings
    assert Code.STILL_IMPROVING not in findings


def test_a_cancelled_job_is_judged_by_what_it_trained() -> None:
    cancelled: dict[str, Any] = {
        "status": JobStatus.CANCELLED,
        "outcome": None,
        "reason": Reason.USER,
    }
    assert list(found(past(**cancelled))) == [Code.CANCELLED]
    assert Code.DEAD_UNITS in found(past(layers={"dead": growing(90)}, **cancelled))
    (early,) = found(past(epochs={}, **cancelled)).values()
    assert "not even epoch 0" in early.summary


def test_earlier_attempts_are_told() -> None:
    moves = [
        moved(1, JobStatus.QUEUED, 0),
        moved(2, JobStatus.RUNNING, 1),
        moved(3, JobStatus.QUEUED, 1, Reason.WORKER_LOST),
        moved(4, JobStatus.RUNNING, 2),
        moved(5, JobStatus.SUCCEEDED, 2),
    ]
    findings = found(past(moves=moves, attempt=2))
    assert list(findings) == [Code.HEALTHY, Code.INTERRUPTED]
    (lost,) = findings[Code.INTERRUPTED].evidence
    assert (lost.value, "worker_lost" in lost.note) == (1, True)
    assert Code.INTERRUPTED not in found(past(moves=[*moves[:2], moves[4]]))


def test_a_job_without_training_is_judged_by_its_start() -> None:
    start: dict[str, Any] = {"epochs": {"train_loss": [2.3]}, "spec": {"epochs": 0}}
    assert list(found(past(**start))) == [Code.NOT_TRAINED]
    findings = found(past(**start, layers={"dead": [[90, 90]]}))
    assert list(findings) == [Code.BORN_DEAD, Code.NOT_TRAINED]
