"""Ends of every range, broken input, stopping, and what becomes of the generator."""

import math
from typing import Any

import numpy as np
import pytest

from service.domain.events import FailedEvent
from service.domain.states import Outcome, Reason
from tests.specs import job_spec
from tests.unit.engine.comparing import differences
from tests.unit.engine.reference import plain_run
from tests.unit.engine.running import CPU, GiveDiabetes, cohort_of, run_all, run_one
from workers.training import select_device, train

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
