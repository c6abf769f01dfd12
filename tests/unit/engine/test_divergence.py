"""Runs that leave the finite numbers: a finding, told where it happened, and nobody else's."""

import json
import math
from typing import Any

import pytest

from service.domain.events import EpochEvent
from service.domain.spec import JobSpec
from service.domain.states import Outcome
from tests.unit.engine.comparing import differences
from tests.unit.engine.reference import plain_run
from tests.unit.engine.running import CPU, Story, cohort_of, run_all, run_one
from workers.training import train


def job(rate: float = 0.01, **changes: Any) -> JobSpec:
    optimizer = {"learning_rate": rate} | changes.pop("optimizer", {})
    return JobSpec.model_validate(
        {
            "dataset": {"name": "linear", "size": 60, "features": 5},
            "network": {"hidden": [7, 5]},
            "activation": {"name": "relu"},
            "loss": {"name": "mse"},
            "optimizer": optimizer,
            "epochs": 5,
            "batch_size": 10,
            "precision": "float64",
        }
        | changes
    )


def outcome(story: Story) -> Outcome:
    assert story.end is not None
    return story.end.outcome


def is_finite(value: float | None) -> bool:
    assert value is not None
    return math.isfinite(value)


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("rate", [1.0, 10.0, 1e3, 1e10, 1e30])
def test_a_huge_rate_diverges_at_the_step_of_the_plain_loop(precision: str, rate: float) -> None:
    spec = job(rate, precision=precision, activation={"name": "leaky_relu"}, seed=3)
    expected = plain_run(spec).diverged_at
    assert expected is not None
    assert run_one(spec).diverged_at == expected


@pytest.mark.parametrize("network", [{"hidden": [7, 5]}, {"kind": "linear"}], ids=["mlp", "linear"])
@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_every_optimizer_diverges_where_the_plain_loop_does(
    name: str, network: dict[str, Any]
) -> None:
    """The first rates overflow in one step, the others only after some, or never."""
    specs = [
        job(
            rate,
            optimizer={"name": name},
            network=network,
            activation={"name": "identity"},
            seed=seed,
        )
        for seed, rate in enumerate((1e308, 1e200, 1e100, 1e20, 10.0, 1e-3))
    ]
    expected = [plain_run(spec).diverged_at for spec in specs]
    assert expected[0] is not None
    assert expected[-1] is None
    assert [story.diverged_at for story in run_all(specs)] == expected


def test_a_slow_divergence_is_found_in_a_later_epoch() -> None:
    """A linear network beyond the stable rate grows by a factor a step."""
    spec = job(0.9, network={"kind": "linear"}, epochs=400)
    story = run_one(spec)
    expected = plain_run(spec).diverged_at
    assert expected is not None
    assert expected > 6 * 10
    assert story.diverged_at == expected
    assert len(story.epochs) == 1 + math.ceil(expected / 5)


def test_the_epoch_that_diverged_is_told_with_its_numbers() -> None:
    story = run_one(job(1e30))
    assert len(story.epochs) == 2
    assert is_finite(story.epochs[0].metrics.train_loss)
    assert not is_finite(story.last.metrics.train_loss)
    assert not is_finite(story.last.metrics.grad_norm_max)


def test_numbers_that_are_not_finite_are_strings_in_json() -> None:
    text = run_one(job(1e30)).last.model_dump_json()
    loss = json.loads(text)["metrics"]["train_loss"]
    assert loss in ("NaN", "Infinity")
    again = EpochEvent.model_validate_json(text)
    assert not is_finite(again.metrics.train_loss)


def test_what_a_diverged_run_tells_agrees_with_the_plain_loop_until_then() -> None:
    spec = job(3.0, network={"kind": "linear"}, epochs=3)
    assert differences(spec, run_one(spec)) == []


def test_a_member_that_diverged_is_silent_while_the_others_go_on() -> None:
    stories = run_all([job(0.01), job(1e30), job(0.02)])
    assert [len(story.epochs) for story in stories] == [6, 2, 6]
    assert [outcome(story) for story in stories] == ["completed", "diverged", "completed"]
    assert all(is_finite(stories[i].last.metrics.train_loss) for i in (0, 2))


def test_where_all_diverge_training_is_over() -> None:
    stories = run_all([job(1e30, seed=i) for i in range(3)])
    assert [len(story.epochs) for story in stories] == [2, 2, 2]


def test_the_end_comes_right_after_the_epoch_that_diverged() -> None:
    events = list(train(cohort_of([job(1e30), job()]), device=CPU))
    kinds = [(event.kind, getattr(event, "member", None)) for event in events]
    last_epoch = max(i for i, kind in enumerate(kinds) if kind == ("epoch", "0"))
    assert kinds[last_epoch + 1] == ("end", "0")


@pytest.mark.parametrize("epochs", [0, 3])
@pytest.mark.parametrize(
    ("precision", "scale"),
    [("float64", 1e308), ("float32", 1e39), ("bfloat16", 1e39), ("float16", 1e6)],
)
def test_an_initialisation_beyond_the_precision_diverges_at_step_0(
    precision: str, scale: float, epochs: int
) -> None:
    network = {"hidden": [7, 5], "init": {"name": "normal", "scale": scale}}
    story = run_one(job(network=network, precision=precision, epochs=epochs))
    assert (outcome(story), story.diverged_at) == (Outcome.DIVERGED, 0)
    assert [event.metrics.epoch for event in story.epochs] == [0]


@pytest.mark.parametrize(
    "optimizer",
    [
        {"learning_rate": 1e300},
        {"weight_decay": 1e300},
        {"name": "adam", "learning_rate": 1e300},
    ],
    ids=["rate", "decay", "adam"],
)
def test_a_constant_beyond_the_precision_diverges_at_once(optimizer: dict[str, Any]) -> None:
    story = run_one(job(optimizer=optimizer, precision="float32"))
    assert story.diverged_at == 1


@pytest.mark.parametrize("precision", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_a_rate_of_0_changes_nothing(name: str, precision: str) -> None:
    spec = job(0.0, optimizer={"name": name, "weight_decay": 0.1}, precision=precision)
    epochs = run_one(spec).epochs
    assert len({event.metrics.train_loss for event in epochs}) == 1
    assert len({event.layers[0].weight_norm for event in epochs}) == 1
    assert {event.layers[0].update_ratio for event in epochs[1:]} == {0.0}
    assert (epochs[-1].metrics.grad_norm_mean or 0) > 0


@pytest.mark.parametrize("rate", [5e-324, 1e-300, 1e-30])
def test_a_tiny_rate_trains_to_the_end_without_moving(rate: float) -> None:
    story = run_one(job(rate))
    assert outcome(story) is Outcome.COMPLETED
    assert len({event.metrics.train_loss for event in story.epochs}) == 1


@pytest.mark.parametrize("bound", [1e-300, 1e300])
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_an_extreme_clipping_bound_trains_to_the_end(bound: float, precision: str) -> None:
    story = run_one(job(optimizer={"clip_grad_norm": bound}, precision=precision))
    assert outcome(story) is Outcome.COMPLETED


def test_clipping_keeps_a_run_that_would_diverge() -> None:
    free, clipped = (
        run_one(job(1.0, seed=3, activation={"name": "leaky_relu"}, optimizer=optimizer))
        for optimizer in ({}, {"clip_grad_norm": 0.1})
    )
    assert (outcome(free), outcome(clipped)) == (Outcome.DIVERGED, Outcome.COMPLETED)


def test_a_dead_network_does_not_diverge_at_a_rate_that_kills_it() -> None:
    """Zero times a large finite number is zero."""
    network = {"hidden": [7, 5], "init": {"bias": -1000.0}}
    spec = job(1.0, network=network, loss={"name": "mae"})
    assert outcome(run_one(spec)) is Outcome.COMPLETED
