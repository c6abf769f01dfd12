"""Twins differ in the convention alone: up to the first effective hit they are the same to the bit,
and that hit is where each of them says it was."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from service.domain.spec import JobSpec
from tests.unit.engine.running import CPU, cohort_of, run_all, stories_of
from workers.training import Keeping, train

DATA: dict[str, Any] = {"name": "diabetes", "scaling": "none", "validation_fraction": 0.5}


@dataclass(kw_only=True)
class Final:
    """Keeps the last weights."""

    weights_of: dict[str, bytes] = field(default_factory=dict)

    def checkpoint(self, member: str, epoch: int, payload: bytes) -> None:
        """Not needed."""

    def weights(self, member: str, payload: bytes) -> None:
        self.weights_of[member] = payload


def twins(epochs: int, **changes: Any) -> list[JobSpec]:
    given = {
        "dataset": DATA,
        "network": {"hidden": [4, 3]},
        "loss": {"name": "mse"},
        "optimizer": {"learning_rate": 0.01},
        "epochs": epochs,
        "batch_size": 221,  # one step an epoch, so that weights are known after each step
        "precision": "float64",
    } | changes
    return [
        JobSpec.model_validate(
            given | {"activation": {"name": "relu", "derivative_at_zero": convention}}
        )
        for convention in (0.0, 1.0)
    ]


def parted_after(epochs: int) -> int:
    """The first step after which the weights differ, by looking at them after each."""
    for steps in range(1, epochs + 1):
        final = Final()
        stories_of(train(cohort_of(twins(steps)), device=CPU, keeping=Keeping(store=final)), 2)
        if final.weights_of["0"] != final.weights_of["1"]:
            return steps
    raise AssertionError("they never part")


@pytest.fixture
def half_the_features_zero(given_diabetes: Any) -> None:
    """Every other example is all 0, and its first pre-activations are the biases: exactly 0 until
    the first step moves them."""
    features = np.zeros((442, 10))
    features[::2] = np.eye(10)[np.arange(221) % 10] * 3
    given_diabetes(features, np.linspace(-1, 1, 442))


@pytest.mark.usefixtures("half_the_features_zero")
def test_the_first_effective_step_is_the_one_after_which_weights_differ() -> None:
    epochs = 4
    stories = run_all(twins(epochs))
    told = [
        next(
            event.metrics.first_effective_step
            for event in story.epochs
            if event.metrics.first_effective_step is not None
        )
        for story in stories
    ]
    assert told == [parted_after(epochs)] * 2


@pytest.mark.usefixtures("half_the_features_zero")
def test_the_layer_says_where_the_kink_was_hit() -> None:
    for story in run_all(twins(3)):
        for event in story.epochs:
            steps = [layer.first_effective_step for layer in event.layers]
            known = [step for step in steps if step is not None]
            assert event.metrics.first_effective_step == min(known, default=None)
            effective = [bool(layer.kink_effective) for layer in event.layers]
            assert [step is not None for step in steps] == effective


def test_without_a_hit_there_is_no_step() -> None:
    (story,) = run_all(
        [
            JobSpec.model_validate(
                {
                    "dataset": {"name": "digits"},
                    "network": {"hidden": [8]},
                    "activation": {"name": "tanh"},
                    "loss": {"name": "cross_entropy"},
                    "optimizer": {"learning_rate": 0.1},
                    "epochs": 2,
                }
            )
        ]
    )
    assert [event.metrics.first_effective_step for event in story.epochs] == [None] * 3


def test_the_loss_has_its_kink_too(given_diabetes: Any) -> None:
    """All-zero weights answer 0 to targets of 0: every residual is at the kink, from step 1."""
    given_diabetes(np.ones((442, 10)), np.zeros(442))
    spec = JobSpec.model_validate(
        {
            "dataset": DATA,
            "network": {"kind": "linear"},
            "activation": {"name": "identity"},
            "loss": {"name": "mae", "derivative_at_zero": 0.0},
            "optimizer": {"learning_rate": 0.1},
            "epochs": 2,
            "batch_size": 221,
        }
    )
    (story,) = run_all([spec])
    assert [event.metrics.first_effective_step for event in story.epochs] == [None, 1, 2]
