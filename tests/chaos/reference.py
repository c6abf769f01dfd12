"""The jobs of a chaos run, and the numbers that each has when nothing disturbs it."""

import hashlib
import math
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch

from service.domain.events import EpochEvent
from service.domain.metrics import EPOCH_COLUMNS, LAYER_COLUMNS
from service.domain.spec import JobSpec
from tests.stack import Spec, slow_spec
from workers.training import Cohort, Keeping, Member, train

_MOONS = {"name": "two_moons", "size": 512}
_DIVERGING: Spec = {
    "dataset": {"name": "diabetes", "scaling": "none"},
    "network": {"kind": "linear"},
    "activation": {"name": "identity"},
    "loss": {"name": "mse"},
    "optimizer": {"learning_rate": 1e30},
    "epochs": 50,
}


def chaos_specs() -> list[Spec]:
    """Five groups that train as cohorts, and one job that diverges. Each takes about a second but
    for those of the last group: they live long enough to be met with a checkpoint."""
    conventions = [{"name": "relu", "derivative_at_zero": value} for value in (0.0, 1.0)]
    groups: list[Spec] = [
        {"epochs": 40},
        {"epochs": 60, "network": {"hidden": [512]}},
        {"epochs": 30, "optimizer": {"name": "adam", "learning_rate": 0.03}},
        {"epochs": 60, "dataset": _MOONS, "network": {"hidden": [512, 512]}},
        {"epochs": 200, "network": {"hidden": [512]}},
    ]
    specs = [
        slow_spec(**group, activation=activation, seed=seed)
        for group in groups
        for activation in conventions
        for seed in (0, 1)
    ]
    return [*specs, _DIVERGING]


@dataclass(kw_only=True)
class Numbers:
    """What a job measured, epoch by epoch, as text that tells every bit (and NaN from NaN)."""

    epochs: list[str] = field(default_factory=list)
    layers: list[str] = field(default_factory=list)
    weights: str | None = None
    """Of its end: a digest of the file. None where it has not ended, or keeps none."""

    def upto(self, epochs: int) -> "Numbers":
        """The numbers of the first epochs alone."""
        per_epoch = len(self.layers) // len(self.epochs)
        return Numbers(epochs=self.epochs[:epochs], layers=self.layers[: epochs * per_epoch])


def tell(values: dict[str, Any], columns: tuple[str, ...]) -> str:
    """One row as text. `seconds` is left out: no two runs share it."""
    return " ".join(f"{name}={values[name]!r}" for name in columns if name != "seconds")


def digest(weights: bytes | None) -> str | None:
    return None if weights is None else hashlib.sha256(weights).hexdigest()


class _Weights:
    """Notes what a training ends with."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers

    def checkpoint(self, member: str, epoch: int, payload: bytes) -> None:
        pass

    def weights(self, member: str, payload: bytes) -> None:
        self._numbers.weights = digest(payload)


@cache
def _alone(spec_json: str) -> Numbers:
    spec = JobSpec.model_validate_json(spec_json)
    numbers = Numbers()
    torch.set_num_threads(1)  # as in the training process: threads that wait spin
    for event in train(
        Cohort(members=(Member(id="alone", spec=spec),)),
        device=torch.device("cpu"),
        threads=1,
        keeping=Keeping(store=_Weights(numbers), every_s=math.inf, checkpoints={}),
    ):
        if isinstance(event, EpochEvent):
            numbers.epochs.append(tell(vars(event.metrics), EPOCH_COLUMNS))
            numbers.layers += [tell(vars(layer), LAYER_COLUMNS) for layer in event.layers]
    return numbers


def undisturbed(spec: JobSpec) -> Numbers:
    """The numbers of the spec trained alone, in this process, by the engine itself."""
    return _alone(spec.model_dump_json())
