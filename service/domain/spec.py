"""The spec of a job: everything that decides its numbers, and nothing else.

Same spec, same code version, same kind of device: same numbers.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from service.domain.activations import AnyActivation
from service.domain.base import JsonObject, Name, SpecModel
from service.domain.datasets import AnyDataset
from service.domain.losses import AnyLoss
from service.domain.networks import AnyNetwork, LayerSize, Mlp
from service.domain.optimizers import AnyOptimizer, Sgd
from service.domain.schedules import ConstantSchedule

Precision = Literal["float64", "float32", "bfloat16", "float16"]
Device = Literal["auto", "cpu", "cuda"]
WITHOUT_GPU: tuple[Device, ...] = ("auto", "cpu")
"""What can be trained where there is no GPU."""
ANY_DEVICE: tuple[Device, ...] = (*WITHOUT_GPU, "cuda")


class Probes(SpecModel):
    """What is measured besides the losses."""

    every: Literal["epoch"] = "epoch"
    dormant_tau: Annotated[
        float, Field(ge=0, le=1, description="Threshold of the dormant score (Sokar et al. 2023).")
    ] = 0.025
    unit_activity: Annotated[
        bool, Field(description="Keep each unit's mean activity and death per epoch.")
    ] = True

    bifurcation_draws: Annotated[
        int,
        Field(
            ge=0,
            le=100_000,
            description="Before training, on so many random draws of the weights (the job's own "
            "are the first): count those for which the conventions 0 and 1 give the first layer "
            "another gradient (Bertoin et al. 2021). relu and relu6; trains in PyTorch.",
            exclude_if=lambda draws: draws == 0,
        ),
    ] = 0
    activation_cost: Annotated[
        bool,
        Field(
            description="Before training, time PyTorch's module of the activation and relu by "
            "turns, on a tensor of the mini-batch times the widest hidden layer.",
            exclude_if=lambda wanted: not wanted,
        ),
    ] = False
    linear_regions: Annotated[
        bool,
        Field(
            description="After each epoch, count the linear pieces of the function that the "
            "network computes. For one input and a piecewise linear activation.",
            exclude_if=lambda wanted: not wanted,
        ),
    ] = False


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
    def layer_sizes(self) -> tuple[LayerSize, ...]:
        """The layers with weights: hidden ones, then the output."""
        dataset = self.dataset
        outputs = self.loss.output_count(dataset.output_count)
        return self.network.layers(dataset.feature_count, outputs, dataset.image)

    @property
    def parameter_count(self) -> int:
        """Weights, biases, the scales of normalised layers, and learned slopes."""
        hidden = self.network.hidden_widths
        weights = sum((layer.fan_in + 1) * layer.units for layer in self.layer_sizes)
        scales = 0 if self.network.normalization == "none" else sum(hidden)
        return weights + scales + (len(hidden) if self.activation.name == "prelu" else 0)

    def blind_probes(self) -> Iterator[tuple[str, str]]:
        """Probes that would have nothing to look at, and why."""
        probes, activation, network = self.probes, self.activation, self.network
        hidden = network.hidden_widths
        if probes.bifurcation_draws and not (hidden and activation.name in ("relu", "relu6")):
            yield (
                "bifurcation_draws",
                "compares the conventions 0 and 1, so it needs hidden units of relu or relu6",
            )
        if probes.activation_cost and not hidden:
            yield (
                "activation_cost",
                "times the activation of hidden units, and a linear network has none",
            )
        is_plain = network.kind != "cnn" and network.normalization == "none"
        has_one_input = self.dataset.feature_count == 1
        if probes.linear_regions and not (is_plain and has_one_input and activation.pieces):
            yield (
                "linear_regions",
                "counts the pieces of a function of one input: it needs data with one feature, a "
                "network without convolutions and normalization, and a piecewise linear "
                "activation (relu and its kin, hardtanh, identity)",
            )

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

    What may differ within a cohort is a tensor with a leading member axis: seed, learning rate
    and schedule, weight decay, momentum and clipping bound (none among them included), the other
    constants of the optimizer, initialisation, parameters and convention of activation and loss.
    Name and probes' thresholds change no tensor program either.

    Nesterov's look ahead is another formula and not another number, and so are another
    optimizer, activation or loss: docs/decisions/009-what-a-cohort-shares.md.
    """
    shared: JsonObject = {
        "dataset": spec.dataset.model_dump(mode="json"),
        "widths": spec.layer_widths,
        "network": spec.network.model_dump(mode="json", exclude={"init"}),
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
        # The thresholds are numbers.
        "probes": spec.probes.model_dump(mode="json", exclude={"dormant_tau"}),
    }
    return hashlib.sha256(json.dumps(shared, sort_keys=True).encode()).hexdigest()[:32]
