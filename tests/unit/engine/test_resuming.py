"""A training that is interrupted at an epoch's end and goes on has the numbers of one that never
stopped, to the bit; and what it ends with are the same weights."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import safetensors.torch
import torch

from service.domain.events import EpochEvent, StartedEvent
from service.domain.spec import JobSpec
from tests.unit.engine import running
from tests.unit.engine.running import Story, cohort_of, stories_of
from workers.training import Control, Keeping, train
from workers.training.checkpoint import Checkpoint, UnusableCheckpoint

CLASSES: dict[str, Any] = {
    "dataset": {"name": "blobs", "size": 60, "centers": 3, "noise": 4.0},
    "loss": {"name": "cross_entropy"},
}


@pytest.fixture(autouse=True, scope="module", params=running.ALL_TURNS)
def back_end(request: pytest.FixtureRequest) -> Iterator[None]:
    """On a GPU too."""
    with running.taking_turns(request.param):
        yield


@dataclass(kw_only=True)
class Shelf:
    """Keeps the newest checkpoint of each member in memory, and its last weights."""

    checkpoints: dict[str, bytes] = field(default_factory=dict)
    epochs: dict[str, list[int]] = field(default_factory=dict)
    final: dict[str, bytes] = field(default_factory=dict)

    def checkpoint(self, member: str, epoch: int, payload: bytes) -> None:
        self.checkpoints[member] = payload
        self.epochs.setdefault(member, []).append(epoch)

    def weights(self, member: str, payload: bytes) -> None:
        self.final[member] = payload


def specs(count: int = 5, **changes: Any) -> list[JobSpec]:
    given: dict[str, Any] = {
        "network": {"hidden": [9, 5]},
        "activation": {"name": "relu"},
        "optimizer": {"learning_rate": 0.1},
        "epochs": 6,
        "batch_size": 16,
    }
    body = given | CLASSES | changes
    return [JobSpec.model_validate(body | {"seed": seed}) for seed in range(count)]


def whole(jobs: list[JobSpec], shelf: Shelf) -> list[Story]:
    keeping = Keeping(store=shelf)
    return stories_of(train(cohort_of(jobs), device=running.DEVICE, keeping=keeping), len(jobs))


def interrupted(jobs: list[JobSpec], shelf: Shelf, *, after_epoch: int, threads: int = 1) -> None:
    """Asks for a drain as soon as the first member has finished that epoch."""
    control = Control()
    keeping = Keeping(store=shelf)
    for event in train(
        cohort_of(jobs), device=running.DEVICE, control=control, keeping=keeping, threads=threads
    ):
        if isinstance(event, EpochEvent) and event.metrics.epoch == after_epoch:
            control.drain()


def resumed(jobs: list[JobSpec], shelf: Shelf, **given: Any) -> list[Story]:
    keeping = Keeping(store=shelf, checkpoints=dict(shelf.checkpoints))
    return stories_of(
        train(cohort_of(jobs), device=running.DEVICE, keeping=keeping, **given), len(jobs)
    )


OPTIMIZERS: list[dict[str, Any]] = [
    {"learning_rate": 0.1},
    {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True},
    {"name": "adam", "learning_rate": 0.01, "weight_decay": 0.01},
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
@pytest.mark.parametrize("precision", ["float64", "float32", "bfloat16"])
def test_a_resumed_training_has_the_same_numbers(optimizer: dict[str, Any], precision: str) -> None:
    jobs, expected, shelf = specs(optimizer=optimizer, precision=precision), Shelf(), Shelf()
    stories = whole(jobs, expected)
    interrupted(jobs, shelf, after_epoch=2)
    after = {member: epochs[-1] for member, epochs in shelf.epochs.items()}
    assert set(after.values()) <= {2, 3}
    assert len(after) == len(jobs)
    for name, story in enumerate(resumed(jobs, shelf)):
        assert story.bits == stories[name].bits[after[str(name)] + 1 :]
    assert shelf.final == expected.final


@pytest.mark.parametrize("activation", ["rrelu", "prelu", "tanh"])
def test_what_is_drawn_or_learned_goes_on(activation: str) -> None:
    jobs, expected, shelf = specs(2, activation={"name": activation}), Shelf(), Shelf()
    stories = whole(jobs, expected)
    interrupted(jobs, shelf, after_epoch=1)
    told = resumed(jobs, shelf)
    assert told[0].bits == stories[0].bits[-len(told[0].bits) :]
    assert shelf.final == expected.final


def test_members_of_one_cohort_go_on_from_different_epochs() -> None:
    jobs, expected, shelf, early = specs(4), Shelf(), Shelf(), Shelf()
    stories = whole(jobs, expected)
    interrupted(jobs, early, after_epoch=1)
    interrupted(jobs, shelf, after_epoch=3, threads=2)
    shelf.checkpoints["1"] = early.checkpoints["1"]
    del shelf.checkpoints["2"]
    for story, expected_story in zip(resumed(jobs, shelf, threads=2), stories, strict=True):
        assert story.bits == expected_story.bits[-len(story.bits) :]
        assert story.end is not None


def test_a_member_goes_on_alone_from_what_it_was_in_a_cohort() -> None:
    jobs, shelf = specs(3), Shelf()
    stories = whole(jobs, Shelf())
    interrupted(jobs, shelf, after_epoch=2)
    keeping = Keeping(checkpoints={"0": shelf.checkpoints["2"]})
    (alone,) = stories_of(train(cohort_of(jobs[2:]), device=running.DEVICE, keeping=keeping), 1)
    assert alone.bits == stories[2].bits[-len(alone.bits) :]
    assert len(alone.epochs) < len(stories[2].epochs)


def test_checkpoints_come_when_their_time_has_come() -> None:
    """The clock moves by one second each time that it is read."""
    seconds = iter(range(10**6))
    shelf = Shelf()
    keeping = Keeping(store=shelf, every_s=12.0)
    list(
        train(
            cohort_of(specs(1)), device=running.DEVICE, keeping=keeping, clock=lambda: next(seconds)
        )
    )
    assert shelf.epochs["0"]
    assert 6 not in shelf.epochs["0"]
    assert len(shelf.epochs["0"]) < 6


def test_a_checkpoint_of_other_code_is_left_aside() -> None:
    jobs, shelf = specs(1), Shelf()
    stories = whole(jobs, Shelf())
    interrupted(jobs, shelf, after_epoch=2)
    saved = Checkpoint.from_bytes(shelf.checkpoints["0"])
    other = Checkpoint(epoch=saved.epoch, step=saved.step, stamp="0", tensors=saved.tensors)
    for payload in (other.to_bytes(), b"", b"\x00" * 8, shelf.checkpoints["0"][:-9]):
        shelf.checkpoints["0"] = payload
        events = list(
            train(
                cohort_of(jobs), device=running.DEVICE, keeping=Keeping(checkpoints={"0": payload})
            )
        )
        assert isinstance(events[0], StartedEvent)
        assert events[0].resumed == {}
        assert stories_of(events, 1)[0].bits == stories[0].bits


def test_garbage_is_no_checkpoint() -> None:
    with pytest.raises(UnusableCheckpoint):
        Checkpoint.from_bytes(safetensors.torch.save({"a": torch.zeros(1)}))


def test_a_drained_training_says_that_it_stopped() -> None:
    control = Control()
    control.drain()
    (story,) = stories_of(train(cohort_of(specs(1)), device=running.DEVICE, control=control), 1)
    assert story.was_stopped
    assert story.end is None


def test_final_weights_are_those_of_linear_layers() -> None:
    jobs, shelf = specs(2, activation={"name": "prelu", "init": 0.2}, epochs=0), Shelf()
    whole(jobs, shelf)
    weights = safetensors.torch.load(shelf.final["1"])
    layer = torch.nn.Linear(2, 9)
    assert {name: tuple(value.shape) for name, value in weights.items()} == {
        "0.weight": tuple(layer.weight.shape),
        "0.bias": (9,),
        "0.slope": (1,),
        "1.weight": (5, 9),
        "1.bias": (5,),
        "1.slope": (1,),
        "2.weight": (3, 5),
        "2.bias": (3,),
    }
    assert weights["0.slope"].item() == pytest.approx(0.2)
