"""Data sets that come from elsewhere. Their sizes stand in the spec, so that shapes, costs and
cohorts follow from it before anybody has seen the data; whoever loads them compares."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator

from service.domain.base import JsonObject
from service.domain.datasets.base import Dataset, Image, ScaleTarget
from service.domain.losses import Task


class Declared(Dataset):
    """The task follows from `classes`."""

    examples: Annotated[int, Field(ge=2, lt=2**63, description="Number of examples.")]
    features: Annotated[int, Field(ge=1, lt=2**63, description="Number of feature columns.")]
    classes: Annotated[
        int | None,
        Field(ge=2, lt=2**63, description="Number of classes; null: a number is predicted."),
    ] = None
    scale_target: ScaleTarget = False

    @property
    def task(self) -> Task:
        return "regression" if self.classes is None else "classification"

    @property
    def example_count(self) -> int:
        return self.examples

    @property
    def feature_count(self) -> int:
        return self.features

    @property
    def output_count(self) -> int:
        return self.classes or 1

    @property
    def is_target_scaled(self) -> bool:
        return self.scale_target

    @model_validator(mode="after")
    def _fits(self) -> "Declared":
        if self.scale_target and self.classes is not None:
            raise ValueError("scale_target is for regression, and classes says classification")
        return self


SIZES = ("examples", "features", "classes")


class KnownSet(NamedTuple):
    """A data set on OpenML whose sizes need not be declared."""

    name: str
    version: int
    examples: int
    features: int
    classes: int | None
    image: Image | None

    @property
    def sizes(self) -> JsonObject:
        return {size: getattr(self, size) for size in SIZES}


WELL_KNOWN = (
    KnownSet("mnist_784", 1, 70_000, 784, 10, Image(1, 28, 28)),
    KnownSet("Fashion-MNIST", 1, 70_000, 784, 10, Image(1, 28, 28)),
)


def find_known(name: Any, version: Any) -> KnownSet | None:
    """OpenML does not tell capitals from small letters, and neither does this."""
    return next(
        (
            one
            for one in WELL_KNOWN
            if isinstance(name, str) and one.name.lower() == name.lower() and one.version == version
        ),
        None,
    )


def _make_sizes_optional(schema: JsonObject) -> None:
    # They are always there after validation, and may be missing before it.
    schema["required"] = [name for name in schema["required"] if name not in SIZES]
    for name in SIZES:
        schema["properties"][name]["description"] += " May be left out where it is known."


class OpenMl(Declared):
    """The features must be numbers, and nothing may be missing. The sizes are declared, and a job
    whose data turn out otherwise fails and says so; for well-known sets they may be left out."""

    model_config = ConfigDict(json_schema_extra=_make_sizes_optional)

    name: Literal["openml"]
    title = "A data set of openml.org, by name and version"
    openml_name: Annotated[
        str,
        # It becomes part of a URL and of the path of a file.
        Field(max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.,()+-]*$", examples=["mnist_784"]),
    ]
    version: Annotated[int, Field(ge=1, lt=2**31)]

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, document: Any) -> Any:
        if not isinstance(document, dict):
            return document
        known = find_known(document.get("openml_name"), document.get("version"))
        return document if known is None else known.sizes | document

    @model_validator(mode="after")
    def _agrees(self) -> "OpenMl":
        known = find_known(self.openml_name, self.version)
        if known is not None and any(getattr(self, k) != v for k, v in known.sizes.items()):
            sizes = ", ".join(f"{name} {value}" for name, value in known.sizes.items())
            raise ValueError(f"{known.name} version {known.version} has {sizes}")
        return self

    @property
    def image(self) -> Image | None:
        known = find_known(self.openml_name, self.version)
        return None if known is None else known.image


FindSizes = Callable[[str], JsonObject | None]
"""The sizes of an uploaded data set by its id; None where there is none."""

FIND_SIZES = "find_sizes"
"""Under this name a FindSizes stands in the context of a validation that knows the uploads."""


def _find_sizes(dataset_id: Any, info: ValidationInfo) -> JsonObject | None:
    find: FindSizes | None = (info.context or {}).get(FIND_SIZES)
    return find(dataset_id) if find is not None and isinstance(dataset_id, str) else None


class Upload(Declared):
    """The sizes are those that the upload has: they are filled in when the job is submitted."""

    model_config = ConfigDict(json_schema_extra=_make_sizes_optional)

    name: Literal["upload"]
    title = "A data set that was uploaded: see POST /v1/datasets"
    dataset_id: Annotated[
        str,
        Field(
            pattern="^dat_[0-9a-f]{32}$",
            description="Id of the data set, which follows from its content",
            examples=["dat_5f0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e"],
        ),
    ]

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, document: Any, info: ValidationInfo) -> Any:
        if not isinstance(document, dict) or FIND_SIZES not in (info.context or {}):
            return document
        # Of an unknown data set only the id is refused, and not the sizes that nobody knows.
        unknown = {"examples": 2, "features": 1}
        return (_find_sizes(document.get("dataset_id"), info) or unknown) | document

    @field_validator("dataset_id")
    @classmethod
    def _exists(cls, dataset_id: str, info: ValidationInfo) -> str:
        if FIND_SIZES in (info.context or {}) and _find_sizes(dataset_id, info) is None:
            raise ValueError("there is no such data set; GET /v1/datasets lists those that exist")
        return dataset_id

    @model_validator(mode="after")
    def _agrees(self, info: ValidationInfo) -> "Upload":
        true = _find_sizes(self.dataset_id, info)
        if true is not None and any(getattr(self, k) != v for k, v in true.items()):
            sizes = ", ".join(
                f"{name} {'null' if value is None else value}" for name, value in true.items()
            )
            raise ValueError(f"{self.dataset_id} has {sizes}; they may be left out")
        return self
