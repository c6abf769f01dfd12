"""Everything a spec may say. Derived from the domain's classes: nothing is listed here again."""

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any, get_args

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from service.api.dependencies import SettingsDep
from service.api.openapi import answer_with, problems
from service.domain.activations import Activation, AnyActivation
from service.domain.base import DomainModel, JsonObject, SpecModel
from service.domain.datasets import WELL_KNOWN, AnyDataset, Dataset, KnownSet, OpenMl
from service.domain.limits import Limits
from service.domain.losses import AnyLoss, Loss, Task
from service.domain.metrics import EpochMetrics, LayerMetrics
from service.domain.networks import AnyNetwork, Init
from service.domain.optimizers import AnyOptimizer, Optimizer
from service.domain.schedules import AnySchedule, Schedule
from service.domain.spec import JobSpec
from service.domain.variants import variants

router = APIRouter(prefix="/v1/catalog", tags=["catalog"])


class Choice(BaseModel):
    """Something that a spec may name."""

    name: str
    description: str
    parameters: JsonObject = Field(description="JSON Schema of each field besides the name")


class Kinked(Choice):
    """Something with a formula, and perhaps with points where it has no derivative."""

    formula: str
    implementation: str = Field(
        description="PyTorch's: the same function written another way has another derivative"
    )
    kinks: list[float] = Field(description="Where it has no derivative, with default parameters")
    accepts_derivative_at_zero: bool
    subdifferential: list[float] | None = Field(
        description="Clarke's at 0, with default parameters: its two ends; null where smooth"
    )
    framework_conventions: dict[str, float | str] | None = Field(
        description="The derivative used at 0, by framework; a name stands for that parameter"
    )


class LossChoice(Kinked):
    tasks: list[Task]


class KnownDataset(BaseModel):
    """A data set whose sizes need not be declared."""

    parameters: JsonObject = Field(description="Values of the fields that name it")
    task: Task
    examples: int
    features: int
    outputs: int
    image: list[int] | None


class DatasetChoice(Choice):
    required: list[str] = Field(
        description="Fields besides the name that have no default. Where there are any, the next "
        "five are null: they follow from the spec"
    )
    task: Task | None
    examples: int | None = Field(description="With default parameters")
    features: int | None
    outputs: int | None = Field(description="Classes, or target columns")
    image: list[int] | None = Field(
        description="Channels, height and width where an example is an image, as a cnn needs it"
    )
    known: list[KnownDataset] = Field(description="Whose sizes need not be declared")


class Quantity(BaseModel):
    """A column of a series."""

    name: str
    meaning: str
    unit: str | None = Field(description="null: a pure number")


class Catalog(BaseModel):
    """Everything a spec may say, and everything that is measured."""

    activations: list[Kinked]
    losses: list[LossChoice]
    datasets: list[DatasetChoice]
    networks: list[Choice]
    inits: list[str]
    optimizers: list[Choice]
    schedules: list[Choice]
    precisions: list[str]
    devices: list[str]
    epoch_quantities: list[Quantity]
    layer_quantities: list[Quantity]
    limits: Limits
    limit_meanings: dict[str, str]
    spec_schema: JsonObject = Field(description="JSON Schema of a job spec")


@cache
def _as_json(limits: Limits) -> bytes:
    """The same for everybody as long as the process lives, and asked for by every page."""
    return build_catalog(limits).model_dump_json().encode()


@cache
def build_catalog(limits: Limits) -> Catalog:
    return Catalog(
        activations=[
            _activation(*one) for one in variants(AnyActivation, "name", Activation).items()
        ],
        losses=[_loss(*one) for one in variants(AnyLoss, "name", Loss).items()],
        datasets=[_dataset(*one) for one in variants(AnyDataset, "name", Dataset).items()],
        networks=_choices(variants(AnyNetwork, "kind", SpecModel)),
        inits=_names(Init, "name"),
        optimizers=_choices(variants(AnyOptimizer, "name", Optimizer)),
        schedules=_choices(variants(AnySchedule, "name", Schedule)),
        precisions=_names(JobSpec, "precision"),
        devices=_names(JobSpec, "device"),
        epoch_quantities=_quantities(EpochMetrics),
        layer_quantities=_quantities(LayerMetrics),
        limits=limits,
        limit_meanings={
            name: field.description or "" for name, field in Limits.model_fields.items()
        },
        spec_schema=JobSpec.model_json_schema(),
    )


def _names(model: type[SpecModel], field: str) -> list[str]:
    return list(get_args(model.model_fields[field].annotation))


def _choices(models: Mapping[str, type[SpecModel]]) -> list[Choice]:
    return [Choice(**_facts(name, model)) for name, model in models.items()]


def _facts(name: str, model: type[SpecModel]) -> JsonObject:
    schema = model.model_json_schema()
    parameters = {
        field: _inline(part, schema.get("$defs", {}))
        for field, part in schema["properties"].items()
        if part.get("const") != name
    }
    return {
        "name": name,
        "description": " ".join((vars(model).get("__doc__") or "").split()),
        "parameters": parameters,
    }


def _inline(schema: Any, definitions: JsonObject) -> Any:
    """The schema with its references resolved, so that it stands by itself."""
    if isinstance(schema, list):
        return [_inline(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        rest = {key: part for key, part in schema.items() if key != "$ref"}
        return _inline(definitions[schema["$ref"].rsplit("/", 1)[-1]] | rest, definitions)
    return {key: _inline(part, definitions) for key, part in schema.items()}


def _kinked(name: str, model: type[Activation] | type[Loss], kinks: list[float]) -> JsonObject:
    slopes = model.model_validate({"name": name}).slopes_at_zero
    return _facts(name, model) | {
        "formula": model.formula,
        "implementation": model.torch_name,
        "kinks": kinks,
        "accepts_derivative_at_zero": "derivative_at_zero" in model.model_fields,
        "subdifferential": sorted(slopes) if slopes else None,
        "framework_conventions": model.framework_conventions(),
    }


def _activation(name: str, model: type[Activation]) -> Kinked:
    kinks = list(model.model_validate({"name": name}).kinks)
    return Kinked(**_kinked(name, model, kinks))


def _loss(name: str, model: type[Loss]) -> LossChoice:
    kinks = [0.0] if model.model_validate({"name": name}).slopes_at_zero else []
    return LossChoice(**_kinked(name, model, kinks), tasks=list(model.tasks))


def _dataset(name: str, model: type[Dataset]) -> DatasetChoice:
    facts = _facts(name, model)
    facts["description"] = f"{model.title}. {facts['description']}".strip()
    required = [field for field in model.model_json_schema()["required"] if field != "name"]
    known = WELL_KNOWN if issubclass(model, OpenMl) else ()
    sizes: JsonObject = dict.fromkeys(("task", "examples", "features", "outputs", "image"))
    if not required:
        sizes = _sizes(model.model_validate({"name": name}))
    return DatasetChoice(
        **facts,
        **sizes,
        required=required,
        known=[_known(name, model, one) for one in known],
    )


def _known(name: str, model: type[Dataset], known: KnownSet) -> KnownDataset:
    parameters = {"openml_name": known.name, "version": known.version}
    dataset = model.model_validate({"name": name, **parameters})
    return KnownDataset(parameters=parameters, **_sizes(dataset))


def _sizes(dataset: Dataset) -> JsonObject:
    return {
        "task": dataset.task,
        "examples": dataset.example_count,
        "features": dataset.feature_count,
        "outputs": dataset.output_count,
        "image": None if dataset.image is None else list(dataset.image),
    }


def _quantities(model: type[DomainModel]) -> list[Quantity]:
    quantities = []
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra
        unit = extra.get("unit") if isinstance(extra, dict) else None
        quantities.append(
            Quantity(name=name, meaning=field.description or "", unit=str(unit) if unit else None)
        )
    return quantities


def _example() -> JsonObject:
    """One of each kind, without the long schemas."""
    short: JsonObject = {"parameters": {}}
    choice = short | {"name": "sgd", "description": "Stochastic gradient descent"}
    relu = variants(AnyActivation, "name", Activation)["relu"]
    mse = variants(AnyLoss, "name", Loss)["mse"]
    digits = variants(AnyDataset, "name", Dataset)["digits"]
    return Catalog(
        activations=[_activation("relu", relu).model_copy(update=short)],
        losses=[_loss("mse", mse).model_copy(update=short)],
        datasets=[_dataset("digits", digits).model_copy(update=short)],
        networks=[Choice(**choice | {"name": "mlp", "description": "Fully connected"})],
        inits=_names(Init, "name")[:1],
        optimizers=[Choice(**choice)],
        schedules=[Choice(**choice | {"name": "constant", "description": "The rate as it is"})],
        precisions=_names(JobSpec, "precision"),
        devices=_names(JobSpec, "device"),
        epoch_quantities=_quantities(EpochMetrics)[:2],
        layer_quantities=_quantities(LayerMetrics)[:3],
        limits=Limits(),
        limit_meanings={"max_epochs": "Epochs of a job"},
        spec_schema={"type": "object", "title": "JobSpec"},
    ).model_dump(mode="json")


@router.get(
    "",
    response_model=Catalog,
    responses={
        HTTPStatus.OK: {"description": "The catalogue"} | answer_with(_example()),
        **problems(),
    },
)
def read_catalog(settings: SettingsDep) -> Response:
    """Read everything a spec may say."""
    return Response(_as_json(settings.limits), media_type="application/json")
