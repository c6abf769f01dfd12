"""Trains cohorts through the engine's public entrance and sorts the events by member."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from numpy.typing import NDArray

from service.domain.events import EndEvent, EpochEvent, StoppedEvent, TrainingEvent
from service.domain.spec import JobSpec
from workers.training import Cohort, Control, Member, engine, train
from workers.training.back_ends import choose_back_end
from workers.training.chunk import BackEnd
from workers.training.stacked import StackedTorch

CPU = torch.device("cpu")

GiveDiabetes = Callable[[NDArray[Any], NDArray[Any]], None]
"""What the fixture `given_diabetes` takes: features [442, 10] and targets [442]."""

DEVICE = CPU
"""Where trainings run that name no device. Set by `taking_turns`."""

ALL_TURNS = ["chosen", "stacked-torch", pytest.param("cuda", marks=pytest.mark.gpu)]


@contextmanager
def taking_turns(turn: str) -> Iterator[None]:
    """While it is the turn of the back end that a spec gets, of stacked PyTorch, or of a GPU."""
    with pytest.MonkeyPatch.context() as patch:
        if turn == "stacked-torch":
            patch.setattr(engine, "choose_back_end", lambda _spec, _device: StackedTorch())
        elif turn == "cuda":
            if not torch.cuda.is_available():
                pytest.skip("NO CUDA DEVICE HERE")
            patch.setitem(globals(), "DEVICE", torch.device("cuda"))
        yield


@dataclass(kw_only=True)
class Story:
    """What one member told, in order."""

    epochs: list[EpochEvent] = field(default_factory=list)
    end: EndEvent | None = None
    was_stopped: bool = False

    @property
    def last(self) -> EpochEvent:
        return self.epochs[-1]

    @property
    def diverged_at(self) -> int | None:
        assert self.end is not None
        return self.end.diverged_at_step

    @property
    def bits(self) -> list[str]:
        """Everything but the wall time and the member's id, digit for digit: JSON carries the
        shortest text that reads back as the same float64."""
        told = [
            event.model_copy(
                update={
                    "member": "",
                    "metrics": event.metrics.model_copy(update={"seconds": None}),
                }
            ).model_dump_json()
            for event in self.epochs
        ]
        ending = [] if self.end is None else [f"{self.end.outcome} {self.end.diverged_at_step}"]
        return told + ending


def is_told_already(spec: JobSpec) -> bool:
    """Whether this is the turn of stacked PyTorch (the fixture `back_end`), and the spec one that
    it trained in the turn of the chosen back end too: once is enough."""
    is_stackeds_turn = vars(engine)["choose_back_end"] is not choose_back_end
    return is_stackeds_turn and choose_back_end(spec, CPU).name == StackedTorch.name


def cohort_of(specs: Iterable[JobSpec]) -> Cohort:
    """Members called 0, 1, 2, …"""
    return Cohort(members=tuple(Member(id=str(i), spec=spec) for i, spec in enumerate(specs)))


def stories_of(events: Iterable[TrainingEvent], count: int) -> list[Story]:
    stories = {str(i): Story() for i in range(count)}
    for event in events:
        if isinstance(event, EpochEvent):
            stories[event.member].epochs.append(event)
        elif isinstance(event, EndEvent):
            stories[event.member].end = event
        elif isinstance(event, StoppedEvent):
            for name in stories if event.member is None else [event.member]:
                stories[name].was_stopped = True
        else:
            assert event.kind == "started", event
    return list(stories.values())


def run_all(
    specs: Iterable[JobSpec],
    *,
    control: Control | None = None,
    device: torch.device | None = None,
    back_end: BackEnd | None = None,
) -> list[Story]:
    """Trains the specs as one cohort, to the end."""
    cohort = cohort_of(specs)
    events = train(cohort, device=device or DEVICE, control=control, back_end=back_end)
    return stories_of(events, len(cohort.members))


def run_one(spec: JobSpec) -> Story:
    (story,) = run_all([spec])
    return story


@contextmanager
def threads(count: int) -> Iterator[None]:
    """PyTorch computes with that many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
