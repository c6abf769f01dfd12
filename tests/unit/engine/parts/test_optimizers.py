"""Optimizers, schedules and clipping against torch.optim on a network of one, in float64.

Tolerance: both sides do the same arithmetic in another order, so they part by some 1e-16 a step;
1e-12 leaves room for what 12 to 20 steps make of it, and is far below any slip in a formula.
"""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch

from service.domain.optimizers import AdamW
from service.domain.spec import JobSpec
from tests.unit.engine.conftest import back_end  # noqa: F401  (each back end has its optimizers)
from tests.unit.engine.parts.trainings import (
    CPU,
    Parameters,
    final_parameters,
    history,
    initial_parameters,
    largest_difference,
    plain_training,
)
from tests.unit.engine.torch_optimizers import TorchSchedule
from workers.training.optimizers import OPTIMIZERS
from workers.training.shapes import Shapes
from workers.training.stacking import Scratch

TOLERANCE = 1e-12

REGRESSION: dict[str, Any] = {
    "dataset": {"name": "linear", "size": 28, "features": 3, "validation_fraction": 0.2},
    "network": {"hidden": [5, 4], "init": {"name": "xavier_normal", "bias": 0.1}},
    "activation": {"name": "tanh"},
    "loss": {"name": "mse"},
}
CLASSIFICATION = REGRESSION | {
    "dataset": {"name": "blobs", "size": 28, "centers": 3},
    "loss": {"name": "cross_entropy"},
}
LEARNED_SLOPE = REGRESSION | {"activation": {"name": "prelu", "init": 0.3}}

SGD: list[dict[str, Any]] = [
    {"learning_rate": 0.1},
    {"learning_rate": 0.1, "weight_decay": 0.05},
    {"learning_rate": 0.05, "momentum": 0.9},
    {"learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.05},
    {"learning_rate": 0.05, "momentum": 0.8, "nesterov": True},
    {"learning_rate": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.05},
]
ADAM: list[dict[str, Any]] = [
    {"name": "adam", "learning_rate": 0.01},
    {"name": "adam", "learning_rate": 0.05, "beta1": 0.5, "beta2": 0.9},
    {"name": "adam", "learning_rate": 0.05, "beta1": 0.0, "beta2": 0.0, "eps": 1e-3},
    {"name": "adam", "learning_rate": 0.05, "eps": 0.1},
    {"name": "adam", "learning_rate": 0.01, "weight_decay": 0.1},
]
ADAMW: list[dict[str, Any]] = [
    {"name": "adamw", "learning_rate": 0.01},
    {"name": "adamw", "learning_rate": 0.05, "weight_decay": 0.0},
    {"name": "adamw", "learning_rate": 0.05, "weight_decay": 2.0, "beta1": 0.5, "beta2": 0.9},
]
RMSPROP: list[dict[str, Any]] = [
    {"name": "rmsprop", "learning_rate": 0.01},
    {"name": "rmsprop", "learning_rate": 0.01, "alpha": 0.5, "eps": 1e-3},
    {"name": "rmsprop", "learning_rate": 0.01, "momentum": 0.9},
    {"name": "rmsprop", "learning_rate": 0.01, "momentum": 0.5, "weight_decay": 0.1},
]
EVERY = [*SGD, *ADAM, *ADAMW, *RMSPROP]
CLIPPED = [
    chosen | {"clip_grad_norm": bound}
    for chosen in (SGD[0], SGD[3], SGD[5], ADAM[0], ADAM[4], ADAMW[2], RMSPROP[3])
    for bound in (0.05, 1.0, 1e6)
]


def spec_of(task: dict[str, Any], optimizer: dict[str, Any], **changes: Any) -> JobSpec:
    return JobSpec.model_validate(
        task
        | {"optimizer": optimizer, "precision": "float64", "epochs": 6, "batch_size": 8, "seed": 5}
        | changes
    )


def check(spec: JobSpec, after_epoch: list[Parameters]) -> None:
    start, *trained = after_epoch
    assert len(trained) == spec.epochs
    for ours, theirs in zip(trained, plain_training(spec, start), strict=True):
        assert largest_difference(ours, theirs) < TOLERANCE
    assert largest_difference(trained[-1], start) > 1e-3, "nothing was learned"


@pytest.mark.parametrize("optimizer", [*EVERY, *CLIPPED], ids=str)
@pytest.mark.parametrize("task", [REGRESSION, CLASSIFICATION], ids=["mse", "cross_entropy"])
def test_weights_follow_torch_optim_over_epochs_of_uneven_batches(
    task: dict[str, Any], optimizer: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(task, optimizer)
    assert spec.training_examples % spec.batch_size != 0
    assert spec.epochs * spec.steps_per_epoch >= 10
    check(spec, history([spec], monkeypatch)[0])


@pytest.mark.parametrize("optimizer", [*EVERY, CLIPPED[0], CLIPPED[9]], ids=str)
def test_weights_follow_torch_optim_step_by_step(
    optimizer: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one batch an epoch, every step is looked at."""
    spec = spec_of(REGRESSION, optimizer, batch_size=64, epochs=12)
    assert spec.steps_per_epoch == 1
    check(spec, history([spec], monkeypatch)[0])


@pytest.mark.parametrize(
    "optimizer", [SGD[0], SGD[3], ADAM[0], ADAM[4], ADAMW[0], RMSPROP[2], CLIPPED[0]], ids=str
)
def test_a_learned_slope_is_trained_as_torchs_is(
    optimizer: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weight decay and the clipping norm take the slope in, as in torch."""
    spec = spec_of(LEARNED_SLOPE, optimizer)
    check(spec, history([spec], monkeypatch)[0])


@pytest.mark.parametrize(
    "optimizers",
    [
        [
            {"learning_rate": rate, "weight_decay": decay}
            for rate in (0.01, 0.2)
            for decay in (0, 1)
        ],
        [{"learning_rate": 0.05, "momentum": m} for m in (0.1, 0.5, 0.95)],
        [
            {"name": "adam", "learning_rate": rate, "beta1": b, "beta2": 1 - b, "eps": rate / 10}
            for rate in (0.01, 0.05)
            for b in (0.1, 0.9)
        ],
        [{"learning_rate": 0.1, "clip_grad_norm": bound} for bound in (0.01, 0.3, 100.0, None)],
        [{"learning_rate": 0.05, "momentum": m} for m in (0.0, 0.5, 0.0, 0.95)],
        [
            {"name": "adamw", "learning_rate": rate, "weight_decay": decay}
            for rate in (0.01, 0.05)
            for decay in (0.0, 0.5)
        ],
        [
            {"name": "rmsprop", "learning_rate": 0.01, "momentum": m, "alpha": a}
            for m in (0.0, 0.5)
            for a in (0.5, 0.9)
        ],
    ],
    ids=["rate and decay", "momentum", "adam", "clipping", "none too", "adamw", "rmsprop"],
)
def test_members_of_one_stack_each_follow_their_own_optimizer(
    optimizers: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = [spec_of(REGRESSION, chosen, seed=k) for k, chosen in enumerate(optimizers)]
    for spec, taken in zip(specs, history(specs, monkeypatch), strict=True):
        check(spec, taken)


SCHEDULES: list[dict[str, Any]] = [
    {"name": "constant"},
    {"name": "step", "every": 1, "gamma": 0.5},
    {"name": "step", "every": 4},
    {"name": "cosine"},
    {"name": "cosine", "final_fraction": 0.25},
    {"name": "warmup", "steps": 7, "start_fraction": 0.1},
    {"name": "warmup", "steps": 1000},
]


@pytest.mark.parametrize("optimizer", [SGD[0], SGD[5], ADAMW[2], CLIPPED[0]], ids=str)
def test_members_of_one_stack_each_follow_their_own_schedule(
    optimizer: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the end: how a schedule goes on may depend on how many epochs are to come."""
    specs = [spec_of(REGRESSION, optimizer | {"schedule": chosen}) for chosen in SCHEDULES]
    ends = final_parameters(specs, monkeypatch)
    for spec, end in zip(specs, ends, strict=True):
        *_, expected = plain_training(spec, initial_parameters(spec, monkeypatch))
        assert largest_difference(end, expected) < TOLERANCE
    assert all(largest_difference(a, b) > 1e-4 for a, b in combinations(ends, 2))


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_the_rate_of_every_step_is_torchs(schedule: dict[str, Any]) -> None:
    """By 60 steps of torch's recursion, each of which rounds."""
    spec = spec_of(REGRESSION, {"learning_rate": 0.3, "schedule": schedule}, epochs=20)
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.3)
    theirs, rates = TorchSchedule(spec, optimizer), []
    for _ in range(spec.epochs * spec.steps_per_epoch):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    assert spec.learning_rates(1, len(rates)) == pytest.approx(rates, rel=1e-12)
    assert spec.learning_rates(5, 3) == spec.learning_rates(1, len(rates))[4:7]


def test_the_numbers_of_a_block_of_steps_are_one_table() -> None:
    specs = [
        AdamW.model_validate(one) for one in (ADAMW[0], ADAMW[1], ADAMW[2] | {"learning_rate": 0})
    ]
    kernel = OPTIMIZERS["adamw"](specs, Shapes.of(spec_of(REGRESSION, SGD[0])), CPU, Scratch())
    rates = np.array([[one.learning_rate * s for one in specs] for s in (1.0, 0.5)])
    plan = kernel.plan(4, rates)
    assert plan.table.shape == (2, 3, 3)
    assert plan.table.dtype == np.float64
    for s, t in enumerate((4, 5)):
        for k, one in enumerate(specs):
            unbias1, unbias2 = 1 - one.beta1**t, 1 - one.beta2**t
            expected = [-rates[s, k] / unbias1, unbias2**-0.5, one.weight_decay * unbias1]
            assert plan.table[s, :, k] == pytest.approx(expected, rel=1e-14)
            assert [float(rate[k]) for rate in plan.by_step()[s]] == plan.table[s, :, k].tolist()
    assert np.array_equal(plan.step_sizes, -plan.table[:, 0].T)


def test_a_rate_of_zero_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of(REGRESSION, {"learning_rate": 0.0, "weight_decay": 0.5, "momentum": 0.9})
    start, *trained = history([spec], monkeypatch)[0]
    assert all(largest_difference(start, later) == 0 for later in trained)
