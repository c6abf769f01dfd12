"""Stacks of one size, as on a GPU, and cohorts that there is no room for at once: on a CPU, where
the numbers must be those that they are without."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from service.domain.spec import JobSpec
from tests.unit.engine.running import CPU, cohort_of, run_all, stories_of
from workers.training import Control, train
from workers.training.activation_cost import ActivationCost
from workers.training.chunk import ChunkMaker, Setting
from workers.training.filling import FilledChunk
from workers.training.network import Workspace
from workers.training.stacked import Places, StackedChunk, StackedTorch
from workers.training.state import State

SIZE = 4


@pytest.fixture(autouse=True, scope="module")
def back_end() -> None:
    """Only stacked PyTorch has stacks."""


@dataclass
class Filling(StackedTorch):
    """Stacks of four, and room for so many members at a time."""

    of: int | None = None

    def __post_init__(self) -> None:
        super().__init__()

    def lane(self, setting: Setting) -> ChunkMaker:
        workspace = Workspace()

        def stack(members: Any, state: State, real: int) -> StackedChunk:
            assert len(members) == SIZE
            places = Places(at_a_time=SIZE, real=real)
            return StackedChunk(members, setting, state, workspace, places)

        return lambda members, state: FilledChunk(members, setting, state, stack, SIZE)

    def chunk_size(self, setting: Setting) -> int:
        return SIZE

    def room(self, setting: Setting) -> int | None:
        return self.of


def specs(count: int, **changes: Any) -> list[JobSpec]:
    body: dict[str, Any] = {
        "dataset": {"name": "blobs", "size": 60, "centers": 3, "noise": 4.0},
        "network": {"hidden": [9, 5]},
        "activation": {"name": "relu"},
        "loss": {"name": "cross_entropy"},
        "optimizer": {"learning_rate": 0.1, "momentum": 0.9},
        "epochs": 3,
        "batch_size": 16,
    }
    return [JobSpec.model_validate(body | changes | {"seed": seed}) for seed in range(count)]


@pytest.mark.parametrize("count", [1, 3, 4, 6])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"activation": {"name": "rrelu"}},
        {"network": {"hidden": [9, 5], "normalization": "batch"}},
        {"probes": {"bifurcation_draws": 3}},
        {"network": {"hidden": [80]}, "precision": "bfloat16"},
    ],
    ids=str,
)
def test_what_fills_a_stack_is_not_told_and_changes_nothing(
    count: int, changes: dict[str, Any]
) -> None:
    jobs = specs(count, **changes)
    expected = [story.bits for story in run_all(jobs, back_end=StackedTorch())]
    assert [story.bits for story in run_all(jobs, back_end=Filling())] == expected


def test_costs_are_measured_for_real_members_only(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[Any] = []
    measure: Callable[..., list[float]] = ActivationCost._measure

    def counted(self: ActivationCost, member: Any) -> list[float]:
        measured.append(member.id)
        return measure(self, member)

    monkeypatch.setattr(ActivationCost, "_measure", counted)
    jobs = specs(3, probes={"activation_cost": True}, epochs=0)
    stories = run_all(jobs, back_end=Filling())
    assert measured == ["0", "1", "2"]
    assert all(story.last.metrics.relu_forward_s for story in stories)


def test_a_stack_from_which_members_drop_stays_filled() -> None:
    jobs = specs(6, epochs=4)
    too_fast = jobs[1].optimizer.model_copy(update={"learning_rate": 1e30})
    jobs[1] = jobs[1].model_copy(update={"optimizer": too_fast})
    expected = run_all(jobs, back_end=StackedTorch())
    control, told = Control(), []
    cohort = cohort_of(jobs)
    for event in train(cohort, device=CPU, control=control, back_end=Filling()):
        told.append(event)
        if event.kind == "epoch" and event.metrics.epoch == 1:
            control.stop("4")
    stories = stories_of(told, 6)
    assert stories[1].diverged_at is not None
    assert stories[4].was_stopped
    for i in (0, 1, 2, 3, 5):
        assert stories[i].bits == expected[i].bits


@pytest.mark.parametrize("room", [4, 8])
def test_members_that_there_is_no_room_for_wait_for_the_others(room: int) -> None:
    jobs = specs(10)
    expected = [story.bits for story in run_all(jobs, back_end=StackedTorch())]
    order: list[str] = []
    for event in train(cohort_of(jobs), device=CPU, back_end=Filling(room)):
        if event.kind in {"epoch", "end"}:
            order.append(getattr(event, "member", ""))
    last_of_first = max(i for i, member in enumerate(order) if int(member) < room)
    first_of_others = min(i for i, member in enumerate(order) if int(member) >= room)
    assert last_of_first < first_of_others
    assert [story.bits for story in run_all(jobs, back_end=Filling(room))] == expected


def test_a_member_that_waits_can_be_stopped_and_all_can_be_drained() -> None:
    jobs = specs(10)
    control, told = Control(), []
    for event in train(cohort_of(jobs), device=CPU, control=control, back_end=Filling(4)):
        told.append(event)
        if event.kind == "epoch" and event.metrics.epoch == 0 and event.member == "0":
            control.stop("9")
        if event.kind == "end" and event.member == "5":
            control.drain()
    stories = stories_of(told, 10)
    assert [story.end is not None for story in stories[:4]] == [True] * 4
    assert not stories[9].epochs
    assert stories[9].was_stopped
    assert told[-1].kind == "stopped"
