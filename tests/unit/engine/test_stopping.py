"""Training that is stopped, left, or shares its process with others."""

import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
import torch

from service.domain.events import StoppedEvent, TrainingEvent
from tests.specs import job_spec
from tests.unit.engine.running import CPU, cohort_of, run_all, run_one, stories_of
from workers.training import Control, train

LONG: dict[str, Any] = {
    "dataset": {"name": "linear", "size": 40_000, "features": 20},
    "network": {"hidden": [64, 64]},
    "batch_size": 1,
    "epochs": 10_000,
    "optimizer": {"learning_rate": 1e-4},
}
"""An epoch of 32,000 steps: seconds, and days for all of them."""


class Caller:
    """Another thread that makes a wish while an epoch is at work: the clock, which the engine
    reads when an epoch begins, tells it when."""

    def __init__(self, wish: Callable[[], None], at_look: int) -> None:
        self._looks, self._at_look = 0, at_look
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._call, args=(wish,))

    def _call(self, wish: Callable[[], None]) -> None:
        if self._begun.wait(timeout=60):
            wish()

    def __enter__(self) -> "Caller":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._begun.set()
        self._thread.join()

    def clock(self) -> float:
        self._looks += 1
        if self._looks == self._at_look:
            self._begun.set()
        return float(self._looks)


START_OF_EPOCH_1 = 3
"""The clock is read when an epoch begins and when it is over."""


def test_stop_all_from_another_thread_ends_an_epoch_in_its_middle() -> None:
    control = Control()
    specs = [job_spec(**LONG), job_spec(**LONG, seed=1)]
    with Caller(control.stop_all, START_OF_EPOCH_1) as caller:
        events = list(train(cohort_of(specs), device=CPU, control=control, clock=caller.clock))
    assert events[-1] == StoppedEvent(member=None)
    assert [event.kind for event in events[1:-1]] == ["epoch", "epoch"]


def test_stopping_the_only_member_from_another_thread_ends_training() -> None:
    control = Control()
    with Caller(lambda: control.stop("0"), START_OF_EPOCH_1) as caller:
        events = list(
            train(cohort_of([job_spec(**LONG)]), device=CPU, control=control, clock=caller.clock)
        )
    assert [event.kind for event in events] == ["started", "epoch", "stopped"]


def test_stopping_one_member_lets_the_others_finish() -> None:
    specs = [job_spec(seed=seed) for seed in range(3)]
    control, events = Control(), []
    for event in train(cohort_of(specs), device=CPU, control=control):
        events.append(event)
        if event.kind == "epoch" and event.metrics.epoch == 1 and event.member == "0":
            control.stop("1")
    stories = stories_of(events, 3)
    assert [story.was_stopped for story in stories] == [False, True, False]
    assert [story.end is None for story in stories] == [False, True, False]
    assert [len(stories[i].epochs) for i in (0, 2)] == [4, 4]


def test_a_wish_made_before_the_start_is_granted() -> None:
    control = Control()
    control.stop_all()
    events = list(train(cohort_of([job_spec()]), device=CPU, control=control))
    assert [event.kind for event in events] == ["started", "stopped"]


@pytest.mark.parametrize("name", ["nobody", ""])
def test_a_wish_about_nobody_is_ignored(name: str) -> None:
    control = Control()
    control.stop(name)
    (story,) = run_all([job_spec()], control=control)
    assert (story.was_stopped, story.end is None) == (False, False)


def test_a_wish_about_someone_who_is_done_is_ignored() -> None:
    control, kinds = Control(), []
    specs = [job_spec(optimizer={"learning_rate": 1e30}), job_spec()]
    for event in train(cohort_of(specs), device=CPU, control=control):
        kinds.append(event.kind)
        if event.kind == "end" and event.member == "0":
            control.stop("0")
    assert "stopped" not in kinds


def test_closing_the_generator_early_is_clean() -> None:
    specs = [job_spec(), job_spec(seed=1)]
    expected = [story.bits for story in run_all(specs)]
    with closing(train(cohort_of(specs), device=CPU)) as events:  # type: ignore[type-var]
        for event in events:
            if event.kind == "epoch":
                break
    assert not torch.is_inference_mode_enabled()
    assert [story.bits for story in run_all(specs)] == expected


def test_two_trainings_may_take_turns() -> None:
    specs = [job_spec(), job_spec(seed=1)]
    expected = [run_one(spec).bits for spec in specs]
    told: list[list[TrainingEvent]] = [[], []]
    for pair in zip(*(train(cohort_of([spec]), device=CPU) for spec in specs), strict=True):
        for mine, event in zip(told, pair, strict=True):
            mine.append(event)
    assert [stories_of(mine, 1)[0].bits for mine in told] == expected


def test_two_trainings_may_run_in_two_threads() -> None:
    specs = [job_spec(epochs=20, seed=seed) for seed in range(2)]
    expected = [run_one(spec).bits for spec in specs]
    found: dict[int, list[str]] = {}

    def work(i: int) -> None:
        found[i] = run_one(specs[i]).bits

    workers = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [found[i] for i in range(2)] == expected


def test_the_caller_may_use_autograd_between_two_events() -> None:
    for event in train(cohort_of([job_spec()]), device=CPU):
        x = torch.ones(2, requires_grad=True)
        (x * x).sum().backward()  # type: ignore[no-untyped-call]
        assert x.grad is not None, event
        assert x.grad.tolist() == [2, 2]


def test_training_leaves_the_global_random_state_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3).tolist()
    torch.manual_seed(5)
    run_one(job_spec(activation={"name": "rrelu"}))
    assert torch.rand(3).tolist() == expected


def test_training_leaves_the_number_of_threads_alone() -> None:
    before = torch.get_num_threads()
    run_all([job_spec(seed=seed) for seed in range(20)])
    assert torch.get_num_threads() == before
