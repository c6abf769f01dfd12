"""Every number of every event against one network in a plain autograd loop."""

from typing import Any

import pytest
from hypothesis import given, settings

from service.domain.spec import JobSpec
from tests.unit.engine.plain_cohorts import (
    ACTIVATIONS,
    BLOBS,
    CLASSES,
    LINEAR,
    SQUARES,
    TASKS,
    cohort,
    disagreements,
)
from tests.unit.engine.random_cohorts import cohorts
from tests.unit.engine.running import is_told_already


@TASKS
@pytest.mark.parametrize("hidden", [[1], [13], [9, 4], [5, 17, 3]], ids=str)
def test_every_depth_and_width_agrees(task: dict[str, Any], hidden: list[int]) -> None:
    assert disagreements(cohort(**task, network={"hidden": hidden})) == {}


@TASKS
def test_a_linear_network_agrees(task: dict[str, Any]) -> None:
    assert disagreements(cohort(**task, network={"kind": "linear"})) == {}


@TASKS
@pytest.mark.parametrize(
    ("optimizer", "momenta"),
    [
        ({"name": "sgd"}, (0.5, 0.9)),
        ({"name": "sgd", "nesterov": True}, (0.5, 0.9)),
        ({"name": "sgd", "clip_grad_norm": 0.3}, (0.0,)),
        ({"name": "adam"}, (0.0,)),
        ({"name": "adam", "beta1": 0.5, "beta2": 0.9, "eps": 1e-4}, (0.0,)),
        ({"name": "adam", "clip_grad_norm": 0.3}, (0.0,)),
        ({"name": "sgd"}, (0.0, 0.9)),
        ({"name": "adamw"}, (0.0,)),
        ({"name": "adamw", "beta1": 0.5, "clip_grad_norm": 0.3}, (0.0,)),
        ({"name": "rmsprop"}, (0.0, 0.9)),
        ({"name": "rmsprop", "alpha": 0.5, "eps": 1e-3, "clip_grad_norm": 0.3}, (0.5,)),
        ({"name": "sgd", "schedule": {"name": "cosine", "final_fraction": 0.1}}, (0.0,)),
        ({"name": "adamw", "schedule": {"name": "step", "every": 1}}, (0.0,)),
        ({"name": "rmsprop", "schedule": {"name": "warmup", "steps": 7}}, (0.0, 0.5)),
    ],
    ids=[
        "momentum",
        "nesterov",
        "clipped",
        "adam",
        "other-adam",
        "clipped-adam",
        "some-momentum",
        "adamw",
        "clipped-adamw",
        "rmsprop",
        "clipped-rmsprop",
        "cosine",
        "step",
        "warmup",
    ],
)
def test_every_optimizer_agrees(
    task: dict[str, Any], optimizer: dict[str, Any], momenta: tuple[float, ...]
) -> None:
    assert disagreements(cohort(**task, optimizer=optimizer, momenta=momenta)) == {}


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda activation: activation["name"])
def test_every_activation_agrees(activation: dict[str, Any]) -> None:
    assert disagreements(cohort(**SQUARES, activation=activation)) == {}


@pytest.mark.parametrize(
    "init",
    [
        {"name": "kaiming_normal", "bias": 0.1},
        {"name": "kaiming_uniform"},
        {"name": "xavier_normal"},
        {"name": "xavier_uniform"},
        {"name": "lecun_normal"},
        {"name": "lecun_uniform"},
        {"name": "randomized_asymmetric"},
        {"name": "torch_default"},
        {"name": "orthogonal"},
        {"name": "normal", "scale": 0.3},
        {"name": "uniform", "scale": 0.3},
        {"name": "zeros", "bias": 0.01},
    ],
    ids=lambda init: init["name"],
)
def test_every_initialisation_agrees(init: dict[str, Any]) -> None:
    assert disagreements(cohort(**CLASSES, network={"hidden": [6, 5], "init": init})) == {}


@pytest.mark.parametrize("batch_size", [1, 2, 16, 37, 1000])
def test_every_batch_size_agrees(batch_size: int) -> None:
    assert disagreements(cohort(**CLASSES, batch_size=batch_size, epochs=2)) == {}


@pytest.mark.parametrize("name", ["digits", "iris", "wine", "breast_cancer"])
def test_real_classes_agree(name: str) -> None:
    specs = cohort(
        dataset={"name": name},
        loss={"name": "cross_entropy"},
        network={"hidden": [19, 11]},
        batch_size=64,
        epochs=1,
    )
    assert disagreements(specs) == {}


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "smooth_l1", "quantile"])
def test_real_targets_agree(loss: str) -> None:
    specs = cohort(
        dataset={"name": "diabetes", "scale_target": True},
        loss={"name": loss},
        network={"hidden": [19, 11]},
        batch_size=64,
        epochs=2,
    )
    assert disagreements(specs) == {}


def test_parts_that_are_longer_than_a_block_agree() -> None:
    specs = cohort(
        dataset={"name": "blobs", "size": 2500, "noise": 4.0},
        loss=CLASSES["loss"],
        batch_size=512,
        epochs=2,
    )
    assert disagreements(specs) == {}


@TASKS
@pytest.mark.parametrize("hidden", [[13], [9, 4], [5, 17, 3]], ids=str)
def test_single_precision_agrees_for_28_steps(task: dict[str, Any], hidden: list[int]) -> None:
    """4 steps an epoch: at most 28."""
    specs = cohort(**task, network={"hidden": hidden}, precision="float32", epochs=7)
    assert specs[0].epochs * specs[0].steps_per_epoch <= 28
    assert disagreements(specs) == {}


LOSSES: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
    (LINEAR, [{"name": "huber", "delta": delta} for delta in (0.1, 1.0, 10.0)]),
    (LINEAR, [{"name": "smooth_l1", "beta": beta} for beta in (0.1, 1.0, 10.0)]),
    (LINEAR, [{"name": "quantile", "q": q} for q in (0.1, 0.5, 0.8)]),
    (BLOBS, [{"name": "bce"}]),
    ({"name": "two_moons", "size": 50}, [{"name": "bce"}]),
    ({"name": "two_moons", "size": 50}, [{"name": "hinge", "margin": m} for m in (0.5, 1.0)]),
    (BLOBS, [{"name": "hinge", "margin": margin} for margin in (0.5, 1.0, 4.0)]),
]


@pytest.mark.parametrize(
    ("dataset", "losses"), LOSSES, ids=lambda one: one["name"] if isinstance(one, dict) else None
)
@pytest.mark.parametrize("network", [{"kind": "linear"}, {"hidden": [7, 5]}], ids=["linear", "mlp"])
def test_every_loss_agrees_with_other_parameters_in_the_same_stack(
    dataset: dict[str, Any], losses: list[dict[str, Any]], network: dict[str, Any]
) -> None:
    specs = [
        spec for loss in losses for spec in cohort(dataset=dataset, loss=loss, network=network)[:2]
    ]
    assert disagreements(specs) == {}


@given(cohorts())
@settings(derandomize=True, max_examples=80, deadline=None)
def test_any_cohort_agrees(specs: list[JobSpec]) -> None:
    if is_told_already(specs[0]):
        return
    assert disagreements(specs) == {}
