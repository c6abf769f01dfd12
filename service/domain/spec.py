"""The spec of a job: everything that decides its numbers, and nothing else.

Same spec, same code version, same kind of device: same numbers.
"""

import hashlib
import json
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from service.domain.activations import AnyActivation
from service.domain.base import JsonObject, Name, SpecModel
from service.domain.datasets import AnyDataset
from service.domain.losses import AnyLoss
from service.domain.optimizers import AnyOptimizer, Sgd
from service.domain.schedules import ConstantSchedule
from service.domain.variants import tagged

Precision = Literal["float64", "float32", "bfloat16", "float16"]
Device = Literal["auto", "cpu", "cuda"]


class Init(SpecModel):
    """How weights start, by the formulas of `torch.nn.init` (gain sqrt 2 for kaiming, 1 else;
    lecun has standard deviation 1 / sqrt(fan_in)). randomized_asymmetric (Lu, Shin, Su and
    Karniadakis 2019), which draws the biases too, keeps relu units from being born dead."""

    name: Literal[
        "kaiming_normal",
        "kaiming_uniform",
        "xavier_normal",
        "xavier_uniform",
        "lecun_normal",
        "lecun_uniform",
        "orthogonal",
        "randomized_asymmetric",
        "normal",
        "uniform",
        "zeros",
    ] = "kaiming_normal"
    scale: Annotated[
        float | None,
        Field(gt=0, description="normal: standard deviation; uniform: half width. Else left out."),
    ] = None
    bias: Annotated[float, Field(description="The value every bias starts from.")] = 0.0

    @model_validator(mode="after")
    def _fits(self) -> "Init":
        if (self.scale is not None) != (self.name in ("normal", "uniform")):
            raise ValueError("scale is needed for normal and uniform, and accepted only there")
        if self.name == "randomized_asymmetric" and self.bias != 0:
            raise ValueError("randomized_asymmetric draws the biases itself; leave bias out")
        return self


class Linear(SpecModel):
    """No hidden layer: y = x W + b. The activation is not applied."""

    kind: Literal["linear"]
    init: Init = Init(name="zeros")

    @property
    def hidden_widths(self) -> tuple[int, ...]:
        return ()


class Mlp(SpecModel):
    """Fully connected layers with the activation between them."""

    kind: Literal["mlp"] = "mlp"
    hidden: Annotated[
        list[Annotated[int, Field(ge=1, lt=2**63)]],
        Field(
            default_factory=lambda: [128, 128],
            min_length=1,
            description="Units of each hidden layer; left out: [128, 128].",
        ),
    ]
    normalization: Literal["none"] = "none"
    init: Init = Init()

    @property
    def hidden_widths(self) -> tuple[int, ...]:
        return tuple(self.hidden)


AnyNetwork = Annotated[
    Annotated[Linear | Mlp, Field(discriminator="kind")], BeforeValidator(tagged("kind", "mlp"))
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
            self.loss.output_count(self.dataset.output_count),
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

    def learning_rates(self, first_step: int, steps: int) -> list[float]:
        """Of `steps` consecutive steps; the first step of the training is number 1."""
        optimizer, per_epoch = self.optimizer, self.steps_per_epoch
        if isinstance(optimizer.schedule, ConstantSchedule):
            return [optimizer.learning_rate] * steps
        return [
            optimizer.learning_rate
            * optimizer.schedule.factor(
                step, steps_per_epoch=per_epoch, steps=per_epoch * self.epochs
            )
            for step in range(first_step, first_step + steps)
        ]

    @property
    def parameter_count(self) -> int:
        widths = self.layer_widths
        learned_slopes = len(widths) - 2 if self.activation.name == "prelu" else 0
        return sum((a + 1) * b for a, b in pairwise(widths)) + learned_slopes


def cohort_key(spec: JobSpec) -> str:
    """Digest of all that members of one cohort must share: data, shapes and program structure.

    What may differ within a cohort is a tensor with a leading member axis: seed, learning rate
    and schedule, weight decay, momentum and clipping bound (none among them included), the other
    constants of the optimizer, initialisation, parameters and convention of activation and loss.
    Name and probes' thresholds change no tensor program either.

    Nesterov's look ahead is another formula and not another number, and so are another
    optimizer, activation or loss: docs/decisions/008-what-a-cohort-shares.md.
    """
    shared: JsonObject = {
        "dataset": spec.dataset.model_dump(mode="json"),
        "widths": spec.layer_widths,
        "network": spec.network.kind,
        "activation": spec.activation.name,
        "loss": spec.loss.name,
        "optimizer": [
            spec.optimizer.name,
            isinstance(spec.optimizer, Sgd) and spec.optimizer.nesterov,
        ],
        "epochs": spec.epochs,
        "batch_size": spec.batch_size,
        "precision": spec.precision,
        "device": spec.device,
        "unit_activity": spec.probes.unit_activity,
    }
    return hashlib.sha256(json.dumps(shared, sort_keys=True).encode()).hexdigest()[:32]
