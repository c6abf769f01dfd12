"""What training tells, of whom, and in which order."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from service.domain.events import TRAINING_EVENT, TrainingEvent
from tests.specs import job_spec
from tests.unit.engine.running import CPU, cohort_of, stories_of
from workers.training import Cohort, Control, Member, train


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
