"""The arrays of a data set: loaded or drawn, split by a seed, scaled by the training part.

Everything here follows from the spec's `dataset` alone, and from the data that it names. It is
computed in float64 with numpy, so all members of a cohort, all precisions and all devices see the
same examples.

Legend: N examples, F features.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from service.domain.datasets import (
    Blobs,
    Bundled,
    Dataset,
    OpenMl,
    Regression,
    Spirals,
    Synthetic,
    SyntheticAbs,
    SyntheticBump,
    SyntheticLinear,
    SyntheticSine,
    TwoMoons,
    Upload,
)
from service.domain.errors import InvalidData
from service.domain.spec import JobSpec
from workers.training.openml import Array, Examples, fetch_openml
from workers.training.uploads import read_upload


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some of the examples, in a fixed order."""

    features: Array
    targets: Array

    @property
    def count(self) -> int:
        return len(self.features)


@dataclass(frozen=True, kw_only=True)
class Data:
    """The two parts, scaled. The validation part may be empty."""

    train: Part
    validation: Part


def load(spec: JobSpec, data_home: Path | None = None) -> Data:
    """The data of a spec, or `InvalidData` with what to change. What has to be fetched is kept in
    the folder `data_home`."""
    dataset = spec.dataset
    if dataset.task not in spec.loss.tasks:
        raise InvalidData(
            f"The loss {spec.loss.name} is for {' and '.join(spec.loss.tasks)}, and "
            f"{dataset.name} is a {dataset.task} data set. Choose another loss or data set."
        )
    if spec.training_examples < 1:
        raise InvalidData(
            f"Of the {dataset.example_count} examples {spec.validation_examples} go to validation "
            "and none is left to train on. Lower dataset.validation_fraction or raise the size."
        )
    misfit = spec.network.misfit(dataset.image)
    if misfit is not None:
        raise InvalidData(f"{dataset.name}: {misfit}.")
    if spec.normalizes_single_values:
        raise InvalidData(
            "Batch normalization would meet a mini-batch of one example, which has no variance. "
            "Choose another batch_size or another network.normalization."
        )
    for probe, why in spec.blind_probes():
        raise InvalidData(f"probes.{probe} {why}.")
    features, targets = examples(dataset, data_home)
    train, validation = split(dataset, targets, spec.validation_examples)
    scaled = scale(features, train, dataset.scaling)
    if dataset.is_target_scaled:
        targets = scale(targets, train, "standard")
    return Data(
        train=Part(features=scaled[train], targets=targets[train]),
        validation=Part(features=scaled[validation], targets=targets[validation]),
    )


def examples(dataset: Dataset, data_home: Path | None = None) -> Examples:
    """All examples of a data set, unscaled, in their own order."""
    if isinstance(dataset, Bundled):
        return _bundled(dataset)
    if isinstance(dataset, Synthetic):
        return SYNTHETIC[type(dataset)](dataset, np.random.default_rng(dataset.seed))
    if isinstance(dataset, OpenMl):
        return fetch_openml(dataset, data_home)
    if isinstance(dataset, Upload):
        return read_upload(dataset, data_home)
    raise InvalidData(f"There is no loader for the data set {dataset.name!r}.")


def _bundled(dataset: Bundled) -> Examples:
    features, targets = _read_bundled(dataset.name)
    if isinstance(dataset, Regression):
        return features, targets.astype(np.float64)[:, None]
    return features, targets.astype(np.int64)


# Kept by a process that trains one job after another: digits are unpacked from compressed text,
# which takes as long as some epochs. All of them together are 2 MB.
@cache
def _read_bundled(name: str) -> tuple[Array, Array]:
    from sklearn import datasets  # noqa: PLC0415  (slow to import, and only needed here)

    bunch = getattr(datasets, f"load_{name}")()
    features, targets = np.asarray(bunch.data, np.float64), np.asarray(bunch.target)
    for values in (features, targets):
        values.flags.writeable = False
    return features, targets


def _linear(dataset: SyntheticLinear, rng: np.random.Generator) -> Examples:
    features = rng.standard_normal((dataset.size, dataset.features))
    clean = features @ rng.standard_normal(dataset.features)
    targets = clean + dataset.noise * rng.standard_normal(dataset.size)
    moved = rng.permutation(dataset.size)[: round(dataset.outliers * dataset.size)]
    shift = rng.uniform(10, 20, len(moved)) * rng.choice([-1.0, 1.0], len(moved))
    targets[moved] += shift * clean.std()
    if dataset.zeros:
        targets = np.round(targets)
        targets[rng.permutation(dataset.size)[: round(dataset.zeros * dataset.size)]] = 0
    return features, targets[:, None]


def _function_of_x(function: Callable[[Array], Array]) -> "Generator":
    def draw(dataset: Any, rng: np.random.Generator) -> Examples:
        x = rng.uniform(-np.sqrt(3), np.sqrt(3), (dataset.size, 1))
        return x, function(x) + dataset.noise * rng.standard_normal((dataset.size, 1))

    return draw


def _two_moons(dataset: TwoMoons, rng: np.random.Generator) -> Examples:
    """(cos t, sin t) and (1 - cos t, 1/2 - sin t), t evenly over [0, pi], as scikit-learn's
    `make_moons`."""
    outer, inner = (np.linspace(0, np.pi, n) for n in _halves(dataset.size))
    features = np.concatenate(
        [
            np.stack([np.cos(outer), np.sin(outer)], axis=1),
            np.stack([1 - np.cos(inner), 0.5 - np.sin(inner)], axis=1),
        ]
    )
    features += dataset.noise * rng.standard_normal(features.shape)
    return features, np.repeat([0, 1], _halves(dataset.size))


def _halves(size: int) -> tuple[int, int]:
    return size // 2, size - size // 2


def _spirals(dataset: Spirals, rng: np.random.Generator) -> Examples:
    arm = np.arange(dataset.size) % 2
    t = rng.uniform(0, 1, dataset.size)
    angle = 3 * np.pi * np.sqrt(t) + arm * np.pi
    features = 2 * t[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    features += dataset.noise * rng.standard_normal(features.shape)
    return features, arm


def _blobs(dataset: Blobs, rng: np.random.Generator) -> Examples:
    """Centres uniform in [-10, 10] per feature and equal shares, as scikit-learn's `make_blobs`."""
    centres = rng.uniform(-10, 10, (dataset.centers, dataset.features))
    label = np.arange(dataset.size) % dataset.centers
    spread = dataset.noise * rng.standard_normal((dataset.size, dataset.features))
    return centres[label] + spread, label


Generator = Callable[[Any, np.random.Generator], Examples]
SYNTHETIC: dict[type[Synthetic], Generator] = {
    SyntheticLinear: _linear,
    SyntheticAbs: _function_of_x(np.abs),
    SyntheticSine: _function_of_x(lambda x: np.sin(np.pi * x)),
    SyntheticBump: _function_of_x(lambda x: np.exp(-4 * np.square(x))),
    TwoMoons: _two_moons,
    Spirals: _spirals,
    Blobs: _blobs,
}


def split(dataset: Dataset, targets: Array, validation_count: int) -> tuple[Array, Array]:
    """Indices of the training and of the validation part, both in shuffled order.

    For classes each class gives its share to validation, with the places that rounding leaves
    going to the largest remainders (Hamilton's method; ties to the lower class).
    """
    order = np.random.default_rng(dataset.split_seed).permutation(len(targets))
    if dataset.task == "regression":
        return order[validation_count:], order[:validation_count]
    labels, sizes = np.unique(targets, return_counts=True)
    shares = validation_count * sizes / len(targets)
    seats = np.floor(shares).astype(int)
    for place in np.argsort(seats - shares, kind="stable")[: validation_count - seats.sum()]:
        seats[place] += 1
    chosen = np.zeros(len(order), bool)
    for label, seat in zip(labels, seats, strict=True):
        chosen[np.flatnonzero(targets[order] == label)[:seat]] = True
    return order[~chosen], order[chosen]


def scale(values: Array, train: Array, scaling: str) -> Array:
    """Each column by the statistics of its training part; `global_minmax`: all columns by those
    of all of them. A column that is constant there says nothing about the target and becomes 0
    everywhere (under `global_minmax` only where all are)."""
    if scaling == "none":
        return values
    part = values[train]
    axis = None if scaling == "global_minmax" else 0
    low, high = part.min(axis=axis), part.max(axis=axis)
    centre, width = (
        (part.mean(axis=0), part.std(axis=0)) if scaling == "standard" else (low, high - low)
    )
    varies = (high > low) & (width > 0)
    scaled = (values - centre) / np.where(varies, width, 1.0)
    return np.where(varies, scaled, 0.0)
