"""Costs are counted from shapes, by hand here, and timed by what was trained before."""

from typing import Any

import pytest

from service.domain.job import SpecWarning
from service.domain.spec import JobSpec
from service.planning import Pace, TrainedEpoch, plan_job, plan_sweep
from service.planning.costs import flops_per_epoch, memory_bytes, total_flops
from tests.specs import job_spec


def _digits(**changes: Any) -> JobSpec:
    return job_spec(
        dataset={"name": "digits", "validation_fraction": 0.2},
        network={"hidden": [128, 32]},
        loss={"name": "cross_entropy"},
        **changes,
    )


def test_an_epochs_operations_by_hand() -> None:
    layers = [2 * 64 * 128, 2 * 128 * 32, 2 * 32 * 10]
    train, validation = 1797 - 359, 359
    forward = sum(layers)
    weights, inputs = sum(layers), layers[1] + layers[2]
    expected = train * (forward + weights + inputs) + (train + validation) * forward
    assert flops_per_epoch(_digits()) == expected
    assert total_flops(_digits(epochs=5)) == 5 * expected + (train + validation) * forward
    assert total_flops(_digits(epochs=0)) == (train + validation) * forward


@pytest.mark.parametrize(
    ("changes", "per_parameter"),
    [
        ({}, 4 + 4),
        ({"optimizer": {"learning_rate": 1, "momentum": 0.5}}, 4 + 4 + 4),
        ({"optimizer": {"name": "adam", "learning_rate": 1}}, 4 + 4 + 8),
        ({"optimizer": {"name": "adamw", "learning_rate": 1}}, 4 + 4 + 8),
        ({"optimizer": {"name": "rmsprop", "learning_rate": 1}}, 4 + 4 + 4),
        ({"optimizer": {"name": "rmsprop", "learning_rate": 1, "momentum": 0.5}}, 4 + 4 + 8),
        ({"precision": "float64"}, 8 + 8),
        ({"precision": "float16", "optimizer": {"name": "adam", "learning_rate": 1}}, 2 + 2 + 8),
    ],
)
def test_memory_by_hand(changes: dict[str, Any], per_parameter: int) -> None:
    spec = _digits(batch_size=100, **changes)
    item = {"float64": 8, "float32": 4, "float16": 2}[spec.precision]
    parameters = 65 * 128 + 129 * 32 + 33 * 10
    batch = 3 * (64 + 128 + 32 + 10) * 100 * max(item, 4)
    data = 1797 * 65 * item
    assert memory_bytes(spec) == parameters * per_parameter + batch + data
    assert memory_bytes(spec, 3) == 3 * (parameters * per_parameter + batch) + data


def _trained(seconds: float, members: int = 1, **changes: Any) -> list[TrainedEpoch]:
    spec = _digits(**changes)
    one = TrainedEpoch(spec=spec, seconds=seconds, device="cpu", lanes=2)
    return [one] * members


def test_where_nothing_was_trained_nothing_is_known() -> None:
    plan = plan_job(_digits(), [], Pace([]))
    assert (plan.estimated_seconds, plan.measured) == (None, None)


def test_a_job_like_one_before_takes_as_long() -> None:
    plan = plan_job(_digits(epochs=10), [], Pace(_trained(0.5, epochs=10)))
    # Ten epochs and the measuring of epoch 0, at the rate of the epoch that was timed.
    assert plan.estimated_seconds == pytest.approx(5, rel=0.1)
    assert plan.estimated_seconds is not None
    assert plan.estimated_seconds > 5
    assert plan.measured is not None
    assert plan.measured.stacks == 1


def test_members_of_one_stack_share_its_seconds() -> None:
    one, stacked = _digits(epochs=1), _trained(1.0, 8, epochs=1)
    rate = Pace(stacked).throughput(one, 16)
    assert rate is not None
    assert rate.flops_per_second == pytest.approx(8 * flops_per_epoch(one))
    # Sixteen members on two lanes are two stacks of eight, side by side.
    epochs = total_flops(one) / flops_per_epoch(one)
    assert Pace(stacked).seconds(one, 16) == pytest.approx(epochs)
    assert Pace(stacked).seconds(one, 32) == pytest.approx(2 * epochs)


def test_the_most_alike_stacks_are_asked() -> None:
    fast = [one for i in range(9) for one in _trained(0.1 + i * 1e-6, 8)]
    slow = [one for i in range(9) for one in _trained(1.0 + i * 1e-6, 1)]
    pace = Pace(fast + slow)
    alone, together = pace.throughput(_digits(), 1), pace.throughput(_digits(), 16)
    assert alone is not None
    assert together is not None
    assert together.flops_per_second == pytest.approx(80 * alone.flops_per_second, rel=1e-3)


def test_another_precision_or_device_tells_nothing() -> None:
    pace = Pace(_trained(1.0))
    assert pace.seconds(_digits(precision="float64"), 1) is None
    assert pace.seconds(_digits(device="cuda"), 1) is None
    assert pace.seconds(_digits(device="cpu"), 1) is not None


@pytest.mark.parametrize("seconds", [0.0, float("nan"), float("inf")])
def test_an_epoch_without_a_time_tells_nothing(seconds: float) -> None:
    assert Pace(_trained(seconds)).seconds(_digits(), 1) is None


def test_a_sweeps_cohorts_are_counted() -> None:
    members: list[tuple[JobSpec, list[SpecWarning]]] = [
        *((_digits(seed=i), []) for i in range(10)),
        *((_digits(seed=i, epochs=1), []) for i in range(3)),
    ]
    plan = plan_sweep(members, Pace([]), cohort_size=4, slots=0)
    assert (plan.members, plan.cohorts, plan.largest_cohort, plan.slots) == (13, 4, 4, 1)
    assert plan.flops == 10 * total_flops(_digits()) + 3 * total_flops(_digits(epochs=1))
    assert plan.estimated_seconds is None
    assert plan.memory_bytes == memory_bytes(_digits(), 4)


def test_slots_share_the_cohorts() -> None:
    members: list[tuple[JobSpec, list[SpecWarning]]] = [(_digits(seed=i), []) for i in range(8)]
    pace = Pace(_trained(1.0, 4))
    times = [
        plan_sweep(members, pace, cohort_size=2, slots=slots).estimated_seconds
        for slots in (1, 2, 4, 100)
    ]
    first = times[0]
    assert first is not None
    assert times == pytest.approx([first, first / 2, first / 4, first / 4])


def test_the_same_warning_of_many_members_is_told_once() -> None:
    warning = SpecWarning(code="a", pointer="/b", detail="first")
    again = SpecWarning(code="a", pointer="/b", detail="second")
    members = [(_digits(), [warning]), (_digits(), []), (_digits(), [again])]
    [told] = plan_sweep(members, Pace([]), cohort_size=4, slots=1).warnings
    assert (told.code, told.detail, told.members) == ("a", "first", 2)
