"""Data sets as the engine loads them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from service.domain.datasets import AnyDataset, Dataset
from service.domain.spec import JobSpec
from workers.training.data import Data, load

Array = NDArray[Any]
ADAPTER: TypeAdapter[Dataset] = TypeAdapter(AnyDataset)
BUNDLED = ("digits", "iris", "wine", "breast_cancer", "diabetes")
SYNTHETIC = ("linear", "abs", "sine", "bump", "two_moons", "spirals", "blobs")
CLASSES = ("digits", "iris", "wine", "breast_cancer", "two_moons", "spirals", "blobs")
NUMBERS = ("diabetes", "linear", "abs", "sine", "bump")


def dataset(name: str, **changes: Any) -> Dataset:
    return ADAPTER.validate_python({"name": name} | changes)


def spec_of(name: str, loss: str | None = None, **changes: Any) -> JobSpec:
    fitting = "cross_entropy" if name in CLASSES else "mse"
    return JobSpec.model_validate(
        {
            "dataset": {"name": name} | changes,
            "activation": {"name": "relu"},
            "loss": {"name": loss or fitting},
            "optimizer": {"learning_rate": 0.1},
        }
    )


def loaded(name: str, **changes: Any) -> Data:
    return load(spec_of(name, **changes))


def whole(data: Data) -> tuple[Array, Array]:
    """Both parts, one after the other."""
    return (
        np.concatenate([data.train.features, data.validation.features]),
        np.concatenate([data.train.targets, data.validation.targets]),
    )


def rows(features: Array, targets: Array) -> list[tuple[float, ...]]:
    """The examples as sorted tuples: equal for equal multisets."""
    table = np.column_stack([features, targets.reshape(len(targets), -1)])
    return sorted(map(tuple, table.tolist()))
