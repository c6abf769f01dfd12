"""A member's numbers are the same to the bit whatever it trains with, in whatever order and with
however many threads. Compared is everything but the wall time."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from service.domain.spec import JobSpec
from tests.unit.engine import running
from tests.unit.engine.running import (
    cohort_of,
    is_told_already,
    run_all,
    run_one,
    stories_of,
    threads,
)
from workers.training import Control, train

CLASSES: dict[str, Any] = {
    "dataset": {"name": "blobs", "size": 60, "centers": 3, "features": 64, "noise": 4.0},
    "loss": {"name": "cross_entropy"},
}
TARGETS: dict[str, Any] = {
    "dataset": {"name": "linear", "size": 60, "features": 64},
    "loss": {"name": "mse"},
}
DISTANCES: dict[str, Any] = TARGETS | {"loss": {"name": "mae"}}
RATES = (0.1, 0.01, 0.3, 0.0, 0.03)
STACK = 64


@pytest.fixture(autouse=True, scope="module", params=running.ALL_TURNS)
def back_end(request: pytest.FixtureRequest) -> Iterator[None]:
    """On a GPU too."""
    with running.taking_turns(request.param):
        yield


def members(count: int = STACK, **changes: Any) -> list[JobSpec]:
    """Specs of one cohort that differ in all that may differ."""
    common = {"network": {"hidden": [9, 5]}, "activation": {"name": "relu"}, "optimizer": {}}
    given: dict[str, Any] = common | CLASSES | {"epochs": 2, "batch_size": 16} | changes
    specs = []
    for i in range(count):
        optimizer = {"learning_rate": RATES[i % 5], "weight_decay": (0.0, 0.01)[i % 2]}
        activation = given["activation"]
        if activation["name"] == "relu" and i % 3:
            activation = activation | {"derivative_at_zero": i / count}
        specs.append(
            JobSpec.model_validate(
                given
                | {
                    "activation": activation,
                    "optimizer": optimizer | given["optimizer"],
                    "seed": i // 2,
                }
            )
        )
    return specs


def bits(specs: Sequence[JobSpec]) -> list[list[str]]:
    return [story.bits for story in run_all(specs)]


def once(spec: JobSpec) -> None:
    if is_told_already(spec):
        pytest.skip("stacked PyTorch is the chosen back end, and was tested as that")


def assert_exact(specs: list[JobSpec]) -> None:
    """Alone, in stacks of 2 and 7 and of all, in reversed order, with one thread and with two."""
    once(specs[0])
    expected = bits(specs)
    assert [bits([specs[i]])[0] for i in (0, 6)] == [expected[0], expected[6]]
    assert bits(specs[:2]) == expected[:2]
    with threads(2):
        assert bits([specs[6]]) == [expected[6]]
        assert bits(specs[:7]) == expected[:7]
        assert bits(specs[::-1]) == expected[::-1]


@pytest.mark.parametrize("hidden", [[1], [3, 1], [16], [33], [7, 5, 3], [65, 17]], ids=str)
def test_every_shape_of_a_network_is_exact(hidden: list[int]) -> None:
    assert_exact(members(network={"hidden": hidden}))


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("network", [{"kind": "linear"}, {"hidden": [128]}], ids=["linear", "mlp"])
def test_a_single_output_is_exact(network: dict[str, Any], precision: str) -> None:
    """Without padding, these are among the shapes whose sums depend on the stack."""
    assert_exact(members(**TARGETS, network=network, precision=precision, batch_size=5, epochs=1))


@pytest.mark.parametrize("batch_size", [1, 2, 5, 16, 47, 48, 1000])
def test_every_batch_size_is_exact(batch_size: int) -> None:
    """48 examples are trained on: 5 leaves 3 over and 47 leaves 1."""
    assert_exact(members(batch_size=batch_size, epochs=1))


QUANTILES: dict[str, Any] = TARGETS | {"loss": {"name": "quantile", "q": 0.3}}


@pytest.mark.parametrize(
    "task", [CLASSES, TARGETS, DISTANCES, QUANTILES], ids=["ce", "mse", "mae", "quantile"]
)
def test_a_linear_network_is_exact(task: dict[str, Any]) -> None:
    assert_exact(members(**task, network={"kind": "linear", "init": {"name": "lecun_normal"}}))


def test_one_feature_and_one_output_are_exact() -> None:
    assert_exact(members(dataset={"name": "abs", "size": 60}, loss={"name": "mse"}))


@pytest.mark.parametrize("precision", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("loss", ["cross_entropy", "mse", "mae"])
def test_every_precision_and_loss_is_exact(precision: str, loss: str) -> None:
    task = {"cross_entropy": CLASSES, "mse": TARGETS, "mae": DISTANCES}[loss]
    assert_exact(members(**task, precision=precision))


@pytest.mark.parametrize(
    ("task", "loss", "parameter"),
    [
        (TARGETS, "huber", "delta"),
        (TARGETS, "smooth_l1", "beta"),
        (TARGETS, "quantile", "q"),
        (CLASSES, "hinge", "margin"),
        (CLASSES, "bce", None),
        ({"dataset": {"name": "two_moons", "size": 60}}, "bce", None),
    ],
    ids=["huber", "smooth_l1", "quantile", "hinge", "bce", "bce of two"],
)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_losses_with_other_parameters_in_the_same_stack_are_exact(
    task: dict[str, Any], loss: str, parameter: str | None, precision: str
) -> None:
    specs = members(**task | {"loss": {"name": loss}}, precision=precision)
    for i, spec in enumerate(specs):
        if parameter is not None:
            own = spec.loss.model_copy(update={parameter: (i + 1) / (len(specs) + 1)})
            specs[i] = spec.model_copy(update={"loss": own})
    assert_exact(specs)


@pytest.mark.parametrize("precision", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize(
    "optimizer",
    [
        {"momentum": 0.9},
        {"momentum": 0.9, "nesterov": True},
        {"clip_grad_norm": 0.1},
        {"name": "adam"},
        {"name": "adam", "clip_grad_norm": 0.1},
        {"name": "adamw"},
        {"name": "rmsprop"},
        {"name": "rmsprop", "momentum": 0.9, "clip_grad_norm": 0.1},
    ],
    ids=[
        "momentum",
        "nesterov",
        "clipped",
        "adam",
        "clipped-adam",
        "adamw",
        "rmsprop",
        "clipped-rmsprop",
    ],
)
def test_every_optimizer_is_exact(precision: str, optimizer: dict[str, Any]) -> None:
    assert_exact(members(20, optimizer=optimizer, precision=precision, epochs=1))


SCHEDULES: list[dict[str, Any]] = [
    {"name": "constant"},
    {"name": "cosine"},
    {"name": "step", "every": 1},
    {"name": "warmup", "steps": 5},
]


def mixed(name: str, *, too_fast: float = 1e30, **changes: Any) -> list[JobSpec]:
    """Members of which some have momentum, decay, a schedule, a bound on the norm, and others
    have not. Every ninth has a rate with which it diverges, and no bound."""
    specs = members(36, **changes)
    for i, spec in enumerate(specs):
        own: dict[str, Any] = {
            "name": name,
            "learning_rate": too_fast if i % 9 == 8 else spec.optimizer.learning_rate,
            "weight_decay": (0.0, 0.01, 0.0)[i % 3],
            "clip_grad_norm": (None, 0.1, None, 5.0)[i % 4] if i % 9 != 8 else None,
            "schedule": SCHEDULES[i % 4],
        }
        if name in ("sgd", "rmsprop"):
            own["momentum"] = (0.0, 0.9)[i % 2]
        specs[i] = JobSpec.model_validate(spec.model_dump() | {"optimizer": own})
    return specs


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "rmsprop"])
@pytest.mark.parametrize("task", [CLASSES, TARGETS], ids=["ce", "mse"])
def test_members_with_and_without_momentum_decay_bound_and_schedule_are_exact(
    task: dict[str, Any], name: str, precision: str
) -> None:
    specs = mixed(name, **task, precision=precision)
    expected = bits(specs)
    for i in (0, 1, 2, 3, 8, 17, 26, 35):
        assert bits([specs[i]])[0] == expected[i]
    assert bits(specs[::-1]) == expected[::-1]


def test_a_weight_that_is_infinite_stays_so_where_others_have_momentum_and_decay() -> None:
    """0 times infinity would be NaN. With a loss whose slope is bounded a weight can be infinite,
    and its gradient finite, for the rest of an epoch."""
    specs = mixed(
        "sgd",
        too_fast=3e38,
        dataset={"name": "abs", "size": 60, "scaling": "none"},
        loss={"name": "huber", "delta": 10.0},
        network={"kind": "linear", "init": {"name": "normal", "scale": 100.0}},
    )
    stories = run_all(specs)
    (story,) = (stories[i] for i in (26,))
    assert specs[26].optimizer.weight_decay == 0
    assert story.last.metrics.train_loss == math.inf
    assert [run_one(specs[i]).bits for i in (8, 17, 26, 35)] == [
        stories[i].bits for i in (8, 17, 26, 35)
    ]


@pytest.mark.parametrize(
    "name",
    [
        "relu",
        "relu6",
        "leaky_relu",
        "prelu",
        "rrelu",
        "elu",
        "selu",
        "celu",
        "gelu",
        "silu",
        "mish",
        "softplus",
        "sigmoid",
        "tanh",
        "hardtanh",
        "softsign",
        "hardswish",
        "identity",
    ],
)
def test_every_activation_is_exact(name: str) -> None:
    assert_exact(members(activation={"name": name}, network={"hidden": [9, 6]}, epochs=1))


def test_more_members_than_one_stack_takes_are_exact() -> None:
    """Parameters of this size are trained in stacks of a few."""
    specs = members(
        14, dataset={"name": "digits"}, network={"hidden": [128, 128]}, batch_size=256, epochs=1
    )
    expected = bits(specs)
    assert bits(specs[::-1]) == expected[::-1]
    with threads(2):
        assert bits(specs) == expected
        assert [bits([specs[i]])[0] for i in (0, 13)] == [expected[0], expected[13]]


def test_a_wide_network_is_exact_with_two_threads() -> None:
    """Long sums are what threads would share."""
    specs = members(3, network={"hidden": [700, 300]}, batch_size=33, epochs=1)
    expected = bits(specs)
    with threads(2):
        assert bits(specs) == expected
        assert bits([specs[2]]) == [expected[2]]


def test_a_training_part_of_several_blocks_is_exact() -> None:
    data = {"name": "linear", "size": 3001, "features": 3, "validation_fraction": 0.5}
    specs = members(7, dataset=data, loss={"name": "mae"}, batch_size=700, epochs=1)
    expected = bits(specs)
    with threads(2):
        assert bits(specs[::-1]) == expected[::-1]
        assert bits([specs[2]]) == [expected[2]]


def test_a_run_can_be_repeated() -> None:
    specs = members(5, activation={"name": "rrelu"})
    assert bits(specs) == bits(specs)


def test_a_member_is_the_same_where_its_companions_have_other_conventions() -> None:
    """Conventions of others, met at every step, do not touch the one without any."""
    data = {"name": "blobs", "size": 60, "centers": 2, "features": 1, "noise": 0.0}
    specs = members(9, dataset=data | {"scaling": "minmax"})
    plain = specs[0]
    assert plain.activation.convention is None
    story = run_all(specs)[0]
    assert (story.last.metrics.kink_hits or 0) > 0
    assert story.bits == run_one(plain).bits


def diverging(specs: list[JobSpec], place: int) -> list[JobSpec]:
    """The same with one member whose rate is far too large."""
    optimizer = specs[place].optimizer.model_copy(update={"learning_rate": 1e30})
    return [
        spec.model_copy(update={"optimizer": optimizer}) if i == place else spec
        for i, spec in enumerate(specs)
    ]


@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
@pytest.mark.parametrize("precision", ["float64", "float32", "bfloat16", "float16"])
def test_a_member_that_diverges_leaves_the_others_as_they_are(
    precision: str, normalization: str
) -> None:
    network = {"hidden": [9, 5], "normalization": normalization}
    specs = members(7, **TARGETS, network=network, epochs=4, precision=precision)
    once(specs[0])
    stories = run_all(diverging(specs, 2))
    assert stories[2].diverged_at is not None
    assert len(stories[2].epochs) < 5
    others = [i for i in range(7) if i != 2]
    assert [stories[i].bits for i in others] == [bits([specs[i]])[0] for i in others]


@pytest.mark.parametrize("normalization", ["none", "batch"])
@pytest.mark.parametrize("optimizer", [{"momentum": 0.9}, {"name": "adam"}], ids=["sgd", "adam"])
def test_members_that_are_stopped_leave_the_others_as_they_are(
    optimizer: dict[str, Any], normalization: str
) -> None:
    """Six of seven are dropped after the first epoch, so that the stack shrinks, moments, running
    statistics and all, and one goes on alone."""
    network = {"hidden": [9, 5], "normalization": normalization}
    specs = members(7, optimizer=optimizer, network=network, epochs=4)
    once(specs[0])
    control, told = Control(), []
    for event in train(cohort_of(specs), device=running.DEVICE, control=control):
        told.append(event)
        if event.kind == "epoch" and event.metrics.epoch == 1:
            for name in "012345":
                control.stop(name)
    stories = stories_of(told, 7)
    assert [story.was_stopped for story in stories] == [True] * 6 + [False]
    assert stories[6].bits == run_one(specs[6]).bits
    assert [one.bits for one in stories[:6]] == [
        alone[: len(one.bits)] for one, alone in zip(stories, bits(specs[:6]), strict=False)
    ]
