"""The catalogue says what the domain knows, and nothing that is not so."""

from typing import Any

import httpx
import pytest

from service.domain.metrics import EPOCH_COLUMNS, LAYER_COLUMNS
from service.domain.spec import JobSpec
from service.settings import Settings
from tests.specs import SMALL


@pytest.fixture(scope="module")
def catalog(still: httpx.Client) -> dict[str, Any]:
    body: dict[str, Any] = still.get("/v1/catalog").json()
    return body


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["name"] == name)


def test_an_activation_states_its_kink_and_every_convention(catalog: dict[str, Any]) -> None:
    selu = _named(catalog["activations"], "selu")
    assert selu["kinks"] == [0.0]
    assert selu["accepts_derivative_at_zero"]
    assert selu["subdifferential"] == pytest.approx([1.0507, 1.7581], abs=1e-4)
    assert selu["framework_conventions"] == {"pytorch": 1.7581, "tensorflow": 1.0507, "jax": 1.7581}
    assert selu["implementation"] == "torch.nn.SELU"


def test_a_smooth_activation_takes_no_convention(catalog: dict[str, Any]) -> None:
    tanh = _named(catalog["activations"], "tanh")
    assert (tanh["kinks"], tanh["subdifferential"], tanh["framework_conventions"]) == (
        [],
        None,
        None,
    )
    assert not tanh["accepts_derivative_at_zero"]
    assert tanh["parameters"] == {}


def test_a_parameter_states_default_and_bounds(catalog: dict[str, Any]) -> None:
    slope = _named(catalog["activations"], "leaky_relu")["parameters"]["negative_slope"]
    assert (slope["default"], slope["minimum"], slope["maximum"]) == (0.01, -10, 10)
    schedule = _named(catalog["optimizers"], "adam")["parameters"]["schedule"]
    names = [option["properties"]["name"]["const"] for option in schedule["oneOf"]]
    assert names == ["constant", "step", "cosine", "warmup"]


def test_a_schedule_states_what_it_takes(catalog: dict[str, Any]) -> None:
    step = _named(catalog["schedules"], "step")
    assert step["parameters"].keys() == {"every", "gamma"}
    assert step["parameters"]["gamma"]["default"] == 0.1
    assert _named(catalog["schedules"], "constant")["parameters"] == {}


def test_the_absolute_error_has_a_convention(catalog: dict[str, Any]) -> None:
    mae = _named(catalog["losses"], "mae")
    assert (mae["kinks"], mae["subdifferential"], mae["tasks"]) == ([0.0], [-1, 1], ["regression"])
    assert mae["framework_conventions"] == {"pytorch": 0.0, "tensorflow": 0.0, "jax": 1.0}
    assert _named(catalog["losses"], "mse")["kinks"] == []


def test_the_other_kinked_losses_have_theirs(catalog: dict[str, Any]) -> None:
    quantile, hinge = (_named(catalog["losses"], name) for name in ("quantile", "hinge"))
    assert quantile["subdifferential"] == [-0.5, 0.5]
    assert quantile["framework_conventions"] == {"pytorch": "0.5 - q"}
    assert (hinge["subdifferential"], hinge["tasks"]) == ([0, 1], ["classification"])
    assert hinge["implementation"] == "torch.nn.MultiMarginLoss"
    assert quantile["accepts_derivative_at_zero"]
    assert hinge["accepts_derivative_at_zero"]
    assert not _named(catalog["losses"], "huber")["accepts_derivative_at_zero"]


def test_a_dataset_states_its_shape(catalog: dict[str, Any]) -> None:
    digits = _named(catalog["datasets"], "digits")
    shape = [digits[fact] for fact in ("examples", "features", "outputs", "task")]
    assert shape == [1797, 64, 10, "classification"]


def test_a_dataset_whose_sizes_are_declared_names_what_it_needs(catalog: dict[str, Any]) -> None:
    openml = _named(catalog["datasets"], "openml")
    assert openml["required"] == ["openml_name", "version"]
    assert [openml[fact] for fact in ("task", "examples", "features", "outputs")] == [None] * 4
    sizes = {
        one["parameters"]["openml_name"]: [one["examples"], one["features"], one["outputs"]]
        for one in openml["known"]
    }
    assert sizes == {"mnist_784": [70_000, 784, 10], "Fashion-MNIST": [70_000, 784, 10]}
    assert [one["image"] for one in openml["known"]] == [[1, 28, 28]] * 2


def test_everything_named_is_accepted(catalog: dict[str, Any]) -> None:
    parts = {"activations": "activation", "precisions": "precision", "devices": "device"}
    for plural, field in parts.items():
        for entry in catalog[plural]:
            value = {"name": entry["name"]} if isinstance(entry, dict) else entry
            JobSpec.model_validate(SMALL | {field: value})
    for loss in catalog["losses"]:
        for dataset in catalog["datasets"]:
            if dataset["required"] and not dataset["known"]:
                continue  # which there are is not the catalogue's to say
            for known in dataset["known"] or [{"parameters": {}}]:
                named = {"name": dataset["name"]} | known["parameters"]
                fields = {"loss": {"name": loss["name"]}, "dataset": named}
                JobSpec.model_validate(SMALL | fields)
    for network in catalog["networks"]:
        JobSpec.model_validate(SMALL | {"network": {"kind": network["name"]}})
    for optimizer in catalog["optimizers"]:
        for schedule in catalog["schedules"]:
            given = {"name": optimizer["name"], "learning_rate": 1}
            given["schedule"] = {"name": schedule["name"]}
            JobSpec.model_validate(SMALL | {"optimizer": given})


def test_quantities_are_the_columns_with_their_meaning(catalog: dict[str, Any]) -> None:
    assert [one["name"] for one in catalog["epoch_quantities"]] == list(EPOCH_COLUMNS)
    assert [one["name"] for one in catalog["layer_quantities"]] == list(LAYER_COLUMNS)
    assert all(one["meaning"] for one in catalog["epoch_quantities"] + catalog["layer_quantities"])
    assert _named(catalog["epoch_quantities"], "seconds")["unit"] == "s"


def test_limits_are_those_in_force(catalog: dict[str, Any]) -> None:
    assert catalog["limits"] == Settings().limits.model_dump()
    assert catalog["limit_meanings"].keys() == catalog["limits"].keys()


def test_the_schema_of_a_spec_is_there(catalog: dict[str, Any]) -> None:
    assert catalog["spec_schema"] == JobSpec.model_json_schema()
