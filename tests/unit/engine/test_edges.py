"""Ends of every range, broken input, stopping, and what becomes of the generator."""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from service.domain.events import TRAINING_EVENT, FailedEvent, StoppedEvent, TrainingEvent
from service.domain.states import Outcome, Reason
from tests.specs import job_spec
from tests.unit.engine.comparing import differences
from tests.unit.engine.reference import plain_run
from tests.unit.engine.running import CPU, cohort_of, run_all, run_one, stories_of
from workers.training import Cohort, Control, Member, select_device, train

GiveDiabetes = Callable[[NDArray[Any], NDArray[Any]], None]
RAW = {"name": "diabetes", "validation_fraction": 0, "scaling": "none"}
LARGEST = 2**63 - 1


def agrees(**changes: Any) -> bool:
    spec = job_spec(**({"precision": "float64"} | changes))
    return differences(spec, run_one(spec)) == []


def test_no_epochs_leave_the_initialisation() -> None:
    story = run_one(job_spec(epochs=0))
    assert [event.metrics.epoch for event in story.epochs] == [0]
    assert story.end is not None
    assert story.end.outcome is Outcome.COMPLETED
    assert story.last.step == 0


@pytest.mark.parametrize("hidden", [[1], [1, 1, 1]], ids=str)
def test_layers_of_one_unit_train(hidden: list[int]) -> None:
    assert agrees(network={"hidden": hidden})


@pytest.mark.parametrize("size", [2, 3])
def test_one_training_example_is_enough(size: int) -> None:
    dataset = {"name": "abs", "size": size, "validation_fraction": (size - 1) / size}
    spec = job_spec(dataset=dataset, precision="float64")
    assert spec.training_examples == 1
    assert agrees(dataset=dataset)


def normalized(kind: str, hidden: list[int], **more: Any) -> dict[str, Any]:
    return {"network": {"hidden": hidden, "normalization": kind, **more}}


def cnn(**more: Any) -> dict[str, Any]:
    return {
        "dataset": {"name": "digits", "validation_fraction": 0.9},
        "loss": {"name": "cross_entropy"},
        "epochs": 1,
        "network": {"kind": "cnn", "channels": [1], "hidden": []} | more,
    }


@pytest.mark.parametrize("pooling", ["none", "average", "max"])
def test_one_channel_and_one_pixel_train(pooling: str) -> None:
    assert agrees(**cnn(pooling=pooling, channels=[1, 1, 1], kernel_size=1))


def test_one_example_a_batch_is_enough_for_a_normalized_convolution() -> None:
    """It has 64 positions; fully connected layers have one."""
    changes = cnn(normalization="batch") | {"batch_size": 179}
    spec = job_spec(**changes)
    assert (spec.training_examples, spec.smallest_batch) == (180, 1)
    assert agrees(**changes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (cnn() | {"dataset": {"name": "iris"}}, "takes images"),
        (cnn(channels=[2] * 4, pooling="max"), "nothing is left"),
        (cnn(normalization="batch", hidden=[3]) | {"batch_size": 179}, "one example"),
    ],
    ids=["no-images", "pooled-away", "one-example"],
)
def test_data_that_a_convolution_cannot_take_is_one_failed_event(
    changes: dict[str, Any], expected: str
) -> None:
    (event,) = train(cohort_of([job_spec(**changes)]), device=CPU)
    assert isinstance(event, FailedEvent)
    assert event.reason is Reason.INVALID_DATA
    assert expected in event.detail


def test_a_convolution_that_diverges_says_when() -> None:
    changes = cnn(channels=[3], pooling="max", hidden=[4]) | {"optimizer": {"learning_rate": 1e200}}
    spec = job_spec(**changes, precision="float64")
    expected = plain_run(spec).diverged_at
    assert expected is not None
    assert run_one(spec).diverged_at == expected


@pytest.mark.parametrize("kind", ["batch", "layer"])
@pytest.mark.parametrize("hidden", [[1], [1, 1, 1]], ids=str)
def test_normalized_layers_of_one_unit_train(kind: str, hidden: list[int]) -> None:
    assert agrees(**normalized(kind, hidden), batch_size=12)


@pytest.mark.parametrize(("size", "batch_size"), [(5, 1), (5, 2), (5, 4), (1, 8)])
def test_batch_normalization_of_one_example_is_refused(size: int, batch_size: int) -> None:
    dataset = {"name": "abs", "size": max(size, 2), "validation_fraction": 0.5 * (size == 1)}
    spec = job_spec(**normalized("batch", [3]), dataset=dataset, batch_size=batch_size)
    assert spec.training_examples == size
    (event,) = train(cohort_of([spec]), device=CPU)
    assert isinstance(event, FailedEvent)
    assert event.reason is Reason.INVALID_DATA
    assert "network.normalization" in event.detail


@pytest.mark.parametrize(
    ("kind", "batch_size", "epochs"),
    [("batch", 3, 3), ("batch", 5, 3), ("batch", 1, 0), ("layer", 1, 3)],
)
def test_what_has_a_variance_or_needs_none_trains(kind: str, batch_size: int, epochs: int) -> None:
    dataset = {"name": "abs", "size": 5, "validation_fraction": 0}
    assert agrees(**normalized(kind, [3]), dataset=dataset, batch_size=batch_size, epochs=epochs)


def test_without_validation_there_are_no_validation_numbers() -> None:
    story = run_one(job_spec(dataset={"name": "abs", "size": 20, "validation_fraction": 0}))
    for event in story.epochs:
        assert event.metrics.validation_loss is None
        assert event.metrics.validation_metric is None


def test_r2_of_a_single_target_is_null() -> None:
    dataset = {"name": "abs", "size": 2, "validation_fraction": 0.5}
    metrics = run_one(job_spec(dataset=dataset)).last.metrics
    assert (metrics.train_metric, metrics.validation_metric) == (None, None)
    assert metrics.validation_loss is not None


@pytest.mark.parametrize("scaling", ["standard", "minmax"])
def test_constant_features_become_0_and_train(given_diabetes: GiveDiabetes, scaling: str) -> None:
    given_diabetes(np.full((442, 10), 7.0), np.arange(442.0))
    assert agrees(dataset={"name": "diabetes", "scaling": scaling, "scale_target": True})


def test_constant_features_unscaled_train(given_diabetes: GiveDiabetes) -> None:
    given_diabetes(np.full((442, 10), 0.5), np.arange(442.0) / 442)
    assert agrees(dataset=RAW, epochs=1, optimizer={"learning_rate": 0.001})


@pytest.mark.parametrize("batch_size", [51, 52, 1000, LARGEST])
def test_a_batch_may_be_larger_than_the_data(batch_size: int) -> None:
    """51 examples are trained on."""
    assert agrees(batch_size=batch_size)


def test_batches_larger_than_the_data_are_all_the_same() -> None:
    sizes = (51, LARGEST)
    assert (
        run_one(job_spec(batch_size=sizes[0])).bits == run_one(job_spec(batch_size=sizes[1])).bits
    )


def test_the_largest_seeds_train() -> None:
    dataset = {"name": "abs", "size": 20, "seed": LARGEST, "split_seed": LARGEST}
    assert agrees(dataset=dataset, seed=LARGEST)


def test_seeds_change_the_initialisation_and_nothing_else_of_epoch_0() -> None:
    first, second = run_all([job_spec(seed=1), job_spec(seed=2)])
    assert first.epochs[0].metrics.train_loss != second.epochs[0].metrics.train_loss
    assert first.epochs[0].step == second.epochs[0].step


def test_numbers_without_a_fraction_are_accepted_for_rates() -> None:
    assert run_one(job_spec(optimizer={"learning_rate": 0})).end is not None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"loss": {"name": "cross_entropy"}}, "cross_entropy"),
        ({"dataset": {"name": "abs", "size": 2, "validation_fraction": 0.9}}, "none is left"),
        ({"dataset": {"name": "two_moons", "size": 20}}, "mse"),
    ],
    ids=["loss", "nothing-to-train-on", "data-set"],
)
def test_data_that_cannot_be_used_is_one_failed_event(
    changes: dict[str, Any], expected: str
) -> None:
    (event,) = train(cohort_of([job_spec(**changes)]), device=CPU)
    assert isinstance(event, FailedEvent)
    assert (event.member, event.reason) == (None, Reason.INVALID_DATA)
    assert expected in event.detail


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 4},
        {"batch_size": 8},
        {"precision": "float64"},
        {"network": {"hidden": [5]}},
        {"activation": {"name": "tanh"}},
        {"loss": {"name": "mae"}},
        {"optimizer": {"name": "adam", "learning_rate": 0.1}},
        {"dataset": {"name": "abs", "size": 65}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_specs_of_different_keys_are_no_cohort(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="cohort keys differ"):
        cohort_of([job_spec(), job_spec(**change)])


def test_members_need_different_ids() -> None:
    member = Member(id="a", spec=job_spec())
    with pytest.raises(ValueError, match="different ids"):
        Cohort(members=(member, member))


def test_a_cohort_needs_a_member() -> None:
    with pytest.raises(ValueError, match="at least one member"):
        Cohort(members=())


def test_events_come_in_the_order_of_life() -> None:
    events = list(train(cohort_of([job_spec(), job_spec(seed=1)]), device=CPU))
    assert events[0].kind == "started"
    for story in stories_of(events, 2):
        assert [event.metrics.epoch for event in story.epochs] == [0, 1, 2, 3]
        assert [event.step for event in story.epochs] == [0, 1, 2, 3]
        assert story.end is not None


def test_the_start_names_members_and_environment() -> None:
    started = next(iter(train(cohort_of([job_spec(), job_spec(seed=1)]), device=CPU)))
    assert started.kind == "started"
    assert started.members == ["0", "1"]
    assert started.environment


def ticking() -> Callable[[], float]:
    """A clock that is one second later at every look."""
    ticks = iter(range(10_000))
    return lambda: float(next(ticks))


def test_seconds_are_the_clocks() -> None:
    events = train(cohort_of([job_spec()]), device=CPU, clock=ticking())
    (story,) = stories_of(events, 1)
    assert all((event.metrics.seconds or 0) >= 1 for event in story.epochs)


def every_kind_of_event() -> Iterator[TrainingEvent]:
    control = Control()
    specs = [job_spec(), job_spec(optimizer={"learning_rate": 1e30}), job_spec(seed=3)]
    for event in train(cohort_of(specs), device=CPU, control=control):
        yield event
        if event.kind == "epoch" and event.metrics.epoch == 1:
            control.stop("2")
    yield from train(cohort_of([job_spec(loss={"name": "cross_entropy"})]), device=CPU)


def test_every_event_survives_json() -> None:
    events = list(every_kind_of_event())
    assert {event.kind for event in events} == {"started", "epoch", "end", "stopped", "failed"}
    for event in events:
        text = event.model_dump_json()
        assert "\n" not in text
        assert TRAINING_EVENT.validate_json(text).model_dump_json() == text


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


def test_probes_do_not_touch_training() -> None:
    """Without the activity of units, and with another threshold, the losses are the same."""
    specs = [
        job_spec(probes=probes) for probes in ({}, {"dormant_tau": 0.5}, {"unit_activity": False})
    ]
    losses = [[one.metrics.train_loss for one in run_one(spec).epochs] for spec in specs]
    assert losses[0] == losses[1] == losses[2]


def test_data_with_nan_diverges_at_the_start(given_diabetes: GiveDiabetes) -> None:
    given_diabetes(np.ones((442, 10)), np.full(442, math.nan))
    story = run_one(job_spec(dataset=RAW))
    assert story.diverged_at == 0


def test_the_cpu_can_be_asked_for() -> None:
    assert select_device("cpu") == CPU


def test_same_spec_same_numbers() -> None:
    spec = job_spec(name="one name")
    assert run_one(spec).bits == run_one(job_spec(name="another")).bits


def test_the_deepest_network_trains() -> None:
    spec = job_spec(
        network={"hidden": [3] * 32}, precision="float64", activation={"name": "tanh"}, epochs=1
    )
    assert len(run_one(spec).last.layers) == 32
    assert differences(spec, run_one(spec)) == []
