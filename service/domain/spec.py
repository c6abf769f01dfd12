"""The spec of a job: everything that decides its numbers, and nothing else.

Same spec, same code version, same kind of device: same numbers.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from service.domain.activations import AnyActivation
from service.domain.base import JsonObject, Name, SpecModel
from service.domain.datasets import AnyDataset
from service.domain.losses import AnyLoss
from service.domain.networks import AnyNetwork, LayerSize, Mlp

Precision = Literal["float64", "float32", "bfloat16", "float16"]
Device = Literal["auto", "cpu", "cuda"]


def _tagged(key: str, default: str) -> Callable[[Any], Any]:
    """Fills in the discriminator of a union where it was left out."""

    def fill(value: Any) -> Any:
        return {key: default, **value} if isinstance(value, dict) and key not in value else value

    return fill


LearningRate = Annotated[float, Field(ge=0)]
WeightDecay = Annotated[
    float, Field(ge=0, description="L2 penalty, added to the gradient as in torch.optim.")
]


class ConstantSchedule(SpecModel):
    """The learning rate stays as it is."""

    name: Literal["constant"] = "constant"


class Optimizer(SpecModel):
    """What every optimizer takes."""

    learning_rate: LearningRate
    weight_decay: WeightDecay = 0.0
    schedule: ConstantSchedule = ConstantSchedule()
    clip_grad_norm: Annotated[
        float | None,
        Field(gt=0, description="Largest norm of the gradient over all layers; null: no limit."),
    ] = None


class Sgd(Optimizer):
    """torch.optim.SGD."""

    name: Literal["sgd"] = "sgd"
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    nesterov: bool = False

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> "Sgd":
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")
        return self


class Adam(Optimizer):
    """torch.optim.Adam."""

    name: Literal["adam"]
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    eps: Annotated[float, Field(gt=0)] = 1e-8


AnyOptimizer = Annotated[
    Annotated[Sgd | Adam, Field(discriminator="name")], BeforeValidator(_tagged("name", "sgd"))
]


class Probes(SpecModel):
    """What is measured besides the losses."""

    every: Literal["epoch"] = "epoch"
    dormant_tau: Annotated[
        float, Field(ge=0, le=1, description="Threshold of the dormant score (Sokar et al. 2023).")
    ] = 0.025
    unit_activity: Annotated[
        bool, Field(description="Keep each unit's mean activity and death per epoch.")
    ] = True


class JobSpec(SpecModel):
    """One training run of one network."""

    name: Name | None = None
    dataset: AnyDataset
    network: AnyNetwork = Field(default_factory=lambda: Mlp(hidden=[128, 128]))
    activation: AnyActivation
    loss: AnyLoss
    optimizer: AnyOptimizer
    epochs: Annotated[
        int,
        Field(ge=0, lt=2**63, description="0 is valid: the state at initialisation is epoch 0."),
    ] = 20
    batch_size: Annotated[int, Field(ge=1, lt=2**63)] = 64
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    precision: Precision = "float32"
    device: Device = "auto"
    probes: Probes = Probes()

    @property
    def layer_widths(self) -> tuple[int, ...]:
        """Widths from the features over the hidden layers to the outputs."""
        return (
            self.dataset.feature_count,
            *self.network.hidden_widths,
            self.dataset.output_count,
        )

    @property
    def training_examples(self) -> int:
        return self.dataset.example_count - self.validation_examples

    @property
    def validation_examples(self) -> int:
        return round(self.dataset.example_count * self.dataset.validation_fraction)

    @property
    def steps_per_epoch(self) -> int:
        return -(-self.training_examples // self.batch_size)

    @property
    def layer_sizes(self) -> tuple[LayerSize, ...]:
        """The layers with weights: hidden ones, then the output."""
        dataset = self.dataset
        return self.network.layers(dataset.feature_count, dataset.output_count, dataset.image)

    @property
    def parameter_count(self) -> int:
        """Weights, biases, the scales of normalised layers, and learned slopes."""
        hidden = self.network.hidden_widths
        weights = sum((layer.fan_in + 1) * layer.units for layer in self.layer_sizes)
        scales = 0 if self.network.normalization == "none" else sum(hidden)
        return weights + scales + (len(hidden) if self.activation.name == "prelu" else 0)

    @property
    def smallest_batch(self) -> int:
        """Examples of an epoch's last mini-batch, the smallest one."""
        return self.training_examples - (self.steps_per_epoch - 1) * self.batch_size

    @property
    def normalizes_single_values(self) -> bool:
        """Whether batch normalization would meet a unit with one value in a mini-batch. It has no
        variance then; PyTorch refuses it, too."""
        if self.network.normalization != "batch" or self.epochs == 0:
            return False
        hidden = self.layer_sizes[:-1]
        return self.smallest_batch * min(layer.positions for layer in hidden) < 2


def cohort_key(spec: JobSpec) -> str:
    """Digest of all that members of one cohort must share: data, shapes and program structure.

    What may differ within a cohort is a tensor with a leading member axis: seed, learning rate,
    weight decay, momentum, clipping bound, initialisation, parameters and convention of
    activation and loss. Name and probes' thresholds change no tensor program either.
    """
    shared: JsonObject = {
        "dataset": spec.dataset.model_dump(mode="json"),
        "widths": spec.layer_widths,
        "network": spec.network.model_dump(mode="json", exclude={"init"}),
        "activation": spec.activation.name,
        "loss": spec.loss.name,
        "optimizer": [
            spec.optimizer.name,
            isinstance(spec.optimizer, Sgd) and spec.optimizer.momentum > 0,
            isinstance(spec.optimizer, Sgd) and spec.optimizer.nesterov,
            spec.optimizer.clip_grad_norm is not None,
        ],
        "epochs": spec.epochs,
        "batch_size": spec.batch_size,
        "precision": spec.precision,
        "device": spec.device,
        "unit_activity": spec.probes.unit_activity,
    }
    return hashlib.sha256(json.dumps(shared, sort_keys=True).encode()).hexdigest()[:32]
