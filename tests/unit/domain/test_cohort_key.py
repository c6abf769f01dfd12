"""Which specs share a cohort."""

from typing import Any

import pytest

from service.domain.spec import JobSpec, cohort_key
from tests.specs import MINIMAL, job_spec

SAME_COHORT = [
    {"name": "another"},
    {"seed": 5},
    {"optimizer": {"learning_rate": 3.0, "weight_decay": 0.1}},
    {"optimizer": {"learning_rate": 0.1, "momentum": 0.9}},
    {"optimizer": {"learning_rate": 0.1, "clip_grad_norm": 1.0}},
    {"optimizer": {"learning_rate": 0.1, "schedule": {"name": "cosine"}}},
    {"activation": {"name": "relu", "derivative_at_zero": 0.5}},
    {"network": {"hidden": [4], "init": {"name": "zeros", "bias": 1.0}}},
    {"probes": {"dormant_tau": 0.1}},
]


OTHER_COHORT = [
    {"epochs": 4},
    {"batch_size": 65},
    {"precision": "float64"},
    {"device": "cpu"},
    {"network": {"hidden": [5]}},
    {"network": {"hidden": [4, 4]}},
    {"network": {"hidden": [4], "normalization": "batch"}},
    {"network": {"hidden": [4], "normalization": "layer"}},
    {"network": {"kind": "linear"}},
    {"network": {"kind": "cnn"}},
    {"activation": {"name": "tanh"}},
    {"loss": {"name": "mae"}},
    {"optimizer": {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}},
    {"optimizer": {"name": "adam", "learning_rate": 0.1}},
    {"optimizer": {"name": "adamw", "learning_rate": 0.1}},
    {"optimizer": {"name": "rmsprop", "learning_rate": 0.1}},
    {"dataset": {"name": "sine", "size": 64}},
    {"dataset": {"name": "abs", "size": 65}},
    {"dataset": {"name": "abs", "size": 64, "seed": 1}},
    {"dataset": {"name": "abs", "size": 64, "split_seed": 1}},
    {"dataset": {"name": "abs", "size": 64, "validation_fraction": 0.1}},
    {"dataset": {"name": "abs", "size": 64, "scaling": "none"}},
    {"probes": {"unit_activity": False}},
]


@pytest.mark.parametrize("change", SAME_COHORT)
def test_what_is_a_tensor_with_a_member_axis_joins_a_cohort(change: dict[str, Any]) -> None:
    assert cohort_key(job_spec(**change)) == cohort_key(job_spec())


@pytest.mark.parametrize("change", OTHER_COHORT)
def test_what_changes_the_program_or_the_data_splits_cohorts(change: dict[str, Any]) -> None:
    assert cohort_key(job_spec(**change)) != cohort_key(job_spec())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"momentum": 0.5}, {"momentum": 0.9}),
        ({"clip_grad_norm": 1.0}, {"clip_grad_norm": 2.0}),
        ({"name": "adam", "beta1": 0.5}, {"name": "adam", "eps": 1.0}),
    ],
)
def test_values_of_what_is_switched_on_may_differ(one: Any, other: Any) -> None:
    keys = {cohort_key(job_spec(optimizer={"learning_rate": 1.0} | o)) for o in (one, other)}
    assert len(keys) == 1


CNN = {"kind": "cnn", "channels": [2, 3], "hidden": [4]}


@pytest.mark.parametrize(
    "change",
    [
        {"channels": [2], "hidden": [3, 4]},
        {"kernel_size": 5},
        {"pooling": "max"},
        {"pooling": "average"},
        {"normalization": "layer"},
    ],
)
def test_networks_of_other_shapes_are_other_programs(change: dict[str, Any]) -> None:
    keys = {
        cohort_key(JobSpec.model_validate(MINIMAL | {"network": n})) for n in (CNN, CNN | change)
    }
    assert len(keys) == 2


def test_convolutions_with_other_starts_join_a_cohort() -> None:
    other = CNN | {"init": {"name": "orthogonal"}}
    keys = {cohort_key(JobSpec.model_validate(MINIMAL | {"network": n})) for n in (CNN, other)}
    assert len(keys) == 1


def test_nesterov_is_another_program() -> None:
    plain = {"learning_rate": 0.1, "momentum": 0.9}
    assert cohort_key(job_spec(optimizer=plain)) != cohort_key(
        job_spec(optimizer=plain | {"nesterov": True})
    )


def test_the_way_of_writing_a_number_does_not_split_cohorts() -> None:
    written = [{"name": "abs", "size": 64, "noise": noise} for noise in (1, 1.0)]
    assert len({cohort_key(job_spec(dataset=dataset)) for dataset in written}) == 1


def test_a_cohort_key_fits_its_column() -> None:
    assert len(cohort_key(job_spec())) == 32
