"""The spec: defaults as in the design, strict types, bounds, and derived numbers."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from service.domain.limits import Limits
from service.domain.spec import JobSpec, cohort_key
from service.planning import check, warn
from tests.specs import MINIMAL, SMALL, job_spec


def refusal(body: dict[str, Any]) -> dict[str, Any]:
    """The one error of this body, by its place."""
    with pytest.raises(ValidationError) as refused:
        JobSpec.model_validate(body)
    return {".".join(map(str, error["loc"])): error["type"] for error in refused.value.errors()}


def test_what_is_left_out_has_the_defaults_of_the_design() -> None:
    assert JobSpec.model_validate(MINIMAL).model_dump() == {
        "name": None,
        "dataset": {
            "name": "digits",
            "validation_fraction": 0.2,
            "split_seed": 0,
            "scaling": "standard",
        },
        "network": {
            "kind": "mlp",
            "hidden": [128, 128],
            "normalization": "none",
            "init": {"name": "kaiming_normal", "scale": None, "bias": 0.0},
        },
        "activation": {"name": "relu", "derivative_at_zero": None},
        "loss": {"name": "cross_entropy"},
        "optimizer": {
            "name": "sgd",
            "learning_rate": 0.1,
            "momentum": 0.0,
            "nesterov": False,
            "weight_decay": 0.0,
            "schedule": {"name": "constant"},
            "clip_grad_norm": None,
        },
        "epochs": 20,
        "batch_size": 64,
        "seed": 0,
        "precision": "float32",
        "device": "auto",
        "probes": {"every": "epoch", "dormant_tau": 0.025, "unit_activity": True},
    }


@pytest.mark.parametrize("field", ["dataset", "activation", "loss", "optimizer"])
def test_these_parts_are_required(field: str) -> None:
    assert refusal({k: v for k, v in MINIMAL.items() if k != field}) == {field: "missing"}


def test_a_synthetic_set_has_the_defaults_of_the_design() -> None:
    dataset = job_spec(dataset={"name": "abs"}).dataset
    assert (dataset.example_count, dataset.feature_count, dataset.output_count) == (256, 1, 1)


@pytest.mark.parametrize(
    "part",
    [
        {"epoch": 3},
        {"dataset": {"name": "digits", "size": 3}},
        {"network": {"hidden": [4], "width": 3}},
        {"network": {"hidden": [4], "init": {"gain": 2.0}}},
        {"activation": {"name": "relu", "negative_slope": 0.1}},
        {"activation": {"name": "gelu", "derivative_at_zero": 0.5}},
        {"loss": {"name": "cross_entropy", "derivative_at_zero": 0.0}},
        {"optimizer": {"learning_rate": 0.1, "beta1": 0.9}},
        {"probes": {"dormant": 0.1}},
    ],
)
def test_unknown_fields_are_refused(part: dict[str, Any]) -> None:
    assert list(refusal(MINIMAL | part).values()) == ["extra_forbidden"]


@pytest.mark.parametrize(
    ("part", "place"),
    [
        ({"epochs": "3"}, "epochs"),
        ({"epochs": 3.0}, "epochs"),
        ({"epochs": True}, "epochs"),
        ({"epochs": None}, "epochs"),
        ({"epochs": -1}, "epochs"),
        ({"epochs": 2**63}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 10**400}, "batch_size"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"precision": "float8"}, "precision"),
        ({"device": "tpu"}, "device"),
        ({"name": ""}, "name"),
        ({"name": "a" * 201}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"optimizer": {"learning_rate": "0.1"}}, "optimizer.sgd.learning_rate"),
        ({"optimizer": {"learning_rate": -0.1}}, "optimizer.sgd.learning_rate"),
        ({"optimizer": {"learning_rate": math.nan}}, "optimizer.sgd.learning_rate"),
        ({"optimizer": {"learning_rate": math.inf}}, "optimizer.sgd.learning_rate"),
        ({"optimizer": {"learning_rate": True}}, "optimizer.sgd.learning_rate"),
        ({"optimizer": {"learning_rate": 10**400}}, "optimizer.sgd.learning_rate"),
        ({"optimizer": {}}, "optimizer.sgd.learning_rate"),
        ({"optimizer": {"learning_rate": 1, "momentum": 1.0}}, "optimizer.sgd.momentum"),
        ({"optimizer": {"learning_rate": 1, "nesterov": True}}, "optimizer.sgd"),
        (
            {"optimizer": {"learning_rate": 1, "clip_grad_norm": 0.0}},
            "optimizer.sgd.clip_grad_norm",
        ),
        ({"optimizer": {"name": "lion", "learning_rate": 1}}, "optimizer"),
        (
            {"optimizer": {"name": "rmsprop", "learning_rate": 1, "alpha": 1.0}},
            "optimizer.rmsprop.alpha",
        ),
        (
            {"optimizer": {"learning_rate": 1, "schedule": {"name": "triangular"}}},
            "optimizer.sgd.schedule",
        ),
        (
            {"optimizer": {"learning_rate": 1, "schedule": {"name": "step", "every": 0}}},
            "optimizer.sgd.schedule.step.every",
        ),
        (
            {"optimizer": {"learning_rate": 1, "schedule": {"name": "step", "gamma": 1.5}}},
            "optimizer.sgd.schedule.step.gamma",
        ),
        ({"optimizer": None}, "optimizer"),
        ({"network": {"hidden": []}}, "network.mlp.hidden"),
        ({"network": {"hidden": [0]}}, "network.mlp.hidden.0"),
        ({"network": {"hidden": [2**63]}}, "network.mlp.hidden.0"),
        ({"network": {"hidden": [4.0]}}, "network.mlp.hidden.0"),
        ({"network": {"kind": "linear", "hidden": [4]}}, "network.linear.hidden"),
        ({"network": {"kind": "linear", "normalization": "batch"}}, "network.linear.normalization"),
        ({"network": {"hidden": [4], "normalization": "group"}}, "network.mlp.normalization"),
        ({"network": {"kind": "cnn", "channels": []}}, "network.cnn.channels"),
        ({"network": {"kind": "cnn", "channels": [0]}}, "network.cnn.channels.0"),
        ({"network": {"kind": "cnn", "kernel_size": 2}}, "network.cnn.kernel_size"),
        ({"network": {"kind": "cnn", "kernel_size": "3"}}, "network.cnn.kernel_size"),
        ({"network": {"kind": "cnn", "pooling": "sum"}}, "network.cnn.pooling"),
        ({"network": {"kind": "cnn", "hidden": [0]}}, "network.cnn.hidden.0"),
        ({"network": {"init": {"name": "normal"}}}, "network.mlp.init"),
        ({"network": {"init": {"scale": 1.0}}}, "network.mlp.init"),
        ({"network": {"init": {"name": "randomized_asymmetric", "bias": 1}}}, "network.mlp.init"),
        ({"network": {"init": {"name": "torch_default", "bias": 1}}}, "network.mlp.init"),
        ({"network": {"init": {"name": "normal", "scale": 0.0}}}, "network.mlp.init.scale"),
        (
            {"dataset": {"name": "digits", "validation_fraction": 1.0}},
            "dataset.digits.validation_fraction",
        ),
        ({"dataset": {"name": "mnist"}}, "dataset"),
        ({"dataset": {"name": "abs", "size": 1}}, "dataset.abs.size"),
        ({"dataset": {"name": "abs", "size": 10**400}}, "dataset.abs.size"),
        ({"dataset": {"name": "abs", "noise": -1.0}}, "dataset.abs.noise"),
        ({"dataset": {"name": "blobs", "centers": 1}}, "dataset.blobs.centers"),
        ({"dataset": {"name": "linear", "outliers": 1.5}}, "dataset.linear.outliers"),
        ({"probes": {"dormant_tau": 2.0}}, "probes.dormant_tau"),
        ({"probes": {"unit_activity": 1}}, "probes.unit_activity"),
    ],
)
def test_types_and_bounds_are_strict(part: dict[str, Any], place: str) -> None:
    assert list(refusal(MINIMAL | part)) == [place]


def test_an_integer_is_a_real_number() -> None:
    assert job_spec(optimizer={"learning_rate": 1}).optimizer.learning_rate == 1.0


def test_zero_epochs_are_a_valid_job() -> None:
    assert job_spec(epochs=0).epochs == 0


def test_a_spec_survives_json() -> None:
    spec = job_spec(name="μ ≤ 1", activation={"name": "elu", "alpha": 0.1}, seed=2**63 - 1)
    assert JobSpec.model_validate_json(spec.model_dump_json()) == spec
    assert JobSpec.model_validate(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize(
    ("size", "fraction", "validation"),
    [(256, 0.2, 51), (10, 0.25, 2), (10, 0.35, 4), (64, 0.0, 0), (2, 0.2, 0), (2, 0.9, 2)],
)
def test_the_parts_of_the_data_add_up(size: int, fraction: float, validation: int) -> None:
    dataset = {"name": "abs", "size": size, "validation_fraction": fraction}
    spec = job_spec(dataset=dataset)
    assert spec.validation_examples == validation
    assert spec.training_examples + spec.validation_examples == size


@pytest.mark.parametrize(("batch", "steps"), [(1, 8), (3, 3), (8, 1), (9, 1)])
def test_the_last_step_of_an_epoch_takes_what_is_left(batch: int, steps: int) -> None:
    dataset = {"name": "abs", "size": 8, "validation_fraction": 0}
    assert job_spec(dataset=dataset, batch_size=batch).steps_per_epoch == steps


@pytest.mark.parametrize(
    ("network", "activation", "parameters"),
    [
        ({"kind": "linear"}, "relu", 64 * 10 + 10),
        ({"kind": "linear"}, "prelu", 64 * 10 + 10),
        ({"hidden": [3]}, "relu", 64 * 3 + 3 + 3 * 10 + 10),
        ({"hidden": [3, 2]}, "prelu", 64 * 3 + 3 + 3 * 2 + 2 + 2 * 10 + 10 + 2),
        # 3 x 3 pixels of 1 channel, then of 2; 2 x 2 pixels are left of the 8 x 8.
        (
            {"kind": "cnn", "channels": [2, 5], "pooling": "max", "hidden": [7]},
            "prelu",
            (9 * 2 + 2) + (18 * 5 + 5) + (5 * 2 * 2 * 7 + 7) + (7 * 10 + 10) + 3,
        ),
        ({"kind": "cnn", "channels": [2], "hidden": []}, "relu", 9 * 2 + 2 + 2 * 64 * 10 + 10),
        # A scale and a shift a unit; the shift takes the place of the bias.
        ({"hidden": [3], "normalization": "batch"}, "relu", 64 * 3 + 3 + 3 + 3 * 10 + 10),
        ({"hidden": [3], "normalization": "layer"}, "relu", 64 * 3 + 3 + 3 + 3 * 10 + 10),
    ],
)
def test_parameters_are_weights_biases_and_learned_slopes(
    network: dict[str, Any], activation: str, parameters: int
) -> None:
    body = MINIMAL | {"network": network, "activation": {"name": activation}}
    assert JobSpec.model_validate(body).parameter_count == parameters


INTEGERS = st.integers(0, 2**63 - 1)
WIDTHS = st.lists(st.integers(1, 2**63 - 1), min_size=1)


SPECS = st.builds(
    lambda **parts: SMALL | parts,
    dataset=st.one_of(
        st.builds(
            lambda size, fraction: {"name": "abs", "size": size, "validation_fraction": fraction},
            st.integers(2, 2**63 - 1),
            st.floats(0, 0.9),
        ),
        st.builds(
            lambda size, centers, features, fraction: {
                "name": "blobs",
                "size": size,
                "centers": centers,
                "features": features,
                "validation_fraction": fraction,
            },
            st.integers(2, 2**63 - 1),
            st.integers(2, 1000),
            st.integers(1, 10_000),
            st.floats(0, 0.9),
        ),
    ),
    network=st.one_of(
        st.builds(
            lambda hidden, normalization: {"hidden": hidden, "normalization": normalization},
            WIDTHS,
            st.sampled_from(["none", "batch", "layer"]),
        ),
        st.builds(
            lambda channels, pooling: {"kind": "cnn", "channels": channels, "pooling": pooling},
            WIDTHS,
            st.sampled_from(["none", "average", "max"]),
        ),
    ),
    activation=st.sampled_from([{"name": name} for name in ("relu", "prelu", "gelu", "selu")]),
    loss=st.sampled_from([{"name": name} for name in ("mse", "mae", "cross_entropy")]),
    epochs=INTEGERS,
    batch_size=st.integers(1, 2**63 - 1),
    seed=INTEGERS,
)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(SPECS)
def test_no_legal_spec_is_too_odd_to_be_judged(body: dict[str, Any]) -> None:
    spec = JobSpec.model_validate(body)
    assert spec.training_examples + spec.validation_examples == spec.dataset.example_count
    assert 0 <= spec.validation_examples <= spec.dataset.example_count
    assert spec.parameter_count > 0
    assert spec.steps_per_epoch >= 0
    assert len(cohort_key(spec)) == 32
    assert all(error.detail for error in check(spec, Limits()))
    assert all(warning.detail for warning in warn(spec))
