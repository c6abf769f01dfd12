"""The network: one, of weights that autograd knows.

Legend: N examples of the training part, U units of a hidden layer.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from service.domain.spec import JobSpec
from tests.unit.engine.reference.functions import (
    Function,
    activation_function,
    apply_activation,
    derivative,
    given,
)
from workers.training.initialisation import initial_layer
from workers.training.randomness import stream

DTYPES = {"float64": torch.float64, "float32": torch.float32}


POOLING: dict[str, Function] = {
    "none": lambda images: images,
    "average": lambda images: functional.avg_pool2d(images, 2),
    "max": lambda images: functional.max_pool2d(images, 2),
}


@dataclass(kw_only=True)
class Pass:
    """What a forward pass computed: one z and one h per hidden layer."""

    out: Tensor
    z: list[Tensor] = field(default_factory=list)
    h: list[Tensor] = field(default_factory=list)


class PlainNetwork:
    """Weights [D_in, D_out], biases [D_out], and prelu's slopes [1], one per hidden layer. What a
    convolution computes is kept as rows, one for each example and position."""

    def __init__(self, spec: JobSpec) -> None:
        self.spec, dtype = spec, DTYPES[spec.precision]
        self.normalization = spec.network.normalization
        init, self.sizes = spec.network.init, spec.layer_sizes
        layers = [
            initial_layer(
                init, size.fan_in, size.units, stream(spec.seed, "weights", i), window=size.window
            )
            for i, size in enumerate(self.sizes)
        ]
        self.weights = [weight.to(dtype) for weight, _ in layers]
        self.biases = [bias.to(dtype) for _, bias in layers]
        units = [size.units for size in self.sizes]
        self.slopes: list[Tensor | None] = [None for _ in units]
        if spec.activation.name == "prelu":
            start = torch.full((1,), spec.activation.init, dtype=dtype)
            self.slopes[:-1] = [start.clone() for _ in units[1:]]
        self.scales: list[Tensor | None] = [None for _ in units]
        if self.normalization != "none":
            self.scales[:-1] = [torch.ones(o, dtype=dtype) for o in units[:-1]]
        self.running = [
            (torch.zeros(o, dtype=dtype), torch.ones(o, dtype=dtype)) for o in units[:-1]
        ]
        for parameter in self.parameters:
            parameter.requires_grad_()

    def layer(self, i: int) -> list[Tensor]:
        """All that is learned in a layer."""
        optional = (self.scales[i], self.slopes[i])
        return [self.weights[i], self.biases[i], *(one for one in optional if one is not None)]

    @property
    def parameters(self) -> list[Tensor]:
        return [parameter for i in range(len(self.weights)) for parameter in self.layer(i)]

    def forward(self, x: Tensor, *, is_training: bool = False) -> Pass:
        done = Pass(out=x)
        incoming = x
        for i in range(len(self.weights) - 1):
            y = self._linear(i, incoming, len(x))
            done.z.append(self._preactivation(i, y, is_training))
            incoming = apply_activation(self.spec.activation, done.z[-1], self.slopes[i])
            done.h.append(incoming)
        last = len(self.weights) - 1
        done.out = self._linear(last, incoming, len(x)) + self.biases[-1]
        return done

    def _linear(self, i: int, incoming: Tensor, examples: int) -> Tensor:
        """What the weights put out, a row for each example and position."""
        size, weight = self.sizes[i], self.weights[i]
        if size.source is None:
            return incoming @ weight
        C, H, W = size.source
        if i == 0:
            images = incoming.reshape(examples, C, H, W)
        else:
            images = incoming.reshape(examples, H, W, C).permute(0, 3, 1, 2)
        images = POOLING[size.pooling](images)
        if size.kernel_size is None:
            flat: Tensor = images.permute(0, 2, 3, 1).reshape(examples, size.fan_in) @ weight
            return flat
        side = size.kernel_size
        kernel = weight.reshape(side, side, C, size.units).permute(3, 2, 0, 1)
        # Contiguous: the backward of a convolution that is not fails on the CPU.
        maps = functional.conv2d(images, kernel.contiguous(), padding="same")
        return maps.permute(0, 2, 3, 1).reshape(examples * size.positions, size.units)

    def _preactivation(self, i: int, y: Tensor, is_training: bool) -> Tensor:
        """Of a hidden layer, [N, U], from what its weights put out."""
        if self.normalization == "none":
            return y + self.biases[i]
        if self.normalization == "layer":
            # Written out: PyTorch's own leaves a rounding error of a layer of one unit.
            units = self.sizes[i].units
            layer = y.reshape(-1, self.sizes[i].positions * units)
            moved = layer - layer.mean(1, keepdim=True)
            deviation = torch.sqrt((moved * moved).mean(1, keepdim=True) + 1e-5)
            normalized = (moved / deviation).reshape(-1, units)
        elif is_training:
            normalized = self._batch_normalized(i, y)
        else:
            normalized = functional.batch_norm(y, *self.running[i])
        return normalized * given(self.scales[i]) + self.biases[i]

    def _batch_normalized(self, i: int, y: Tensor) -> Tensor:
        """As torch.nn.functional.batch_norm in training, but from the first example on: a unit
        that is the same for all examples is exactly 0."""
        moved = y - y[0].detach()
        mean, variance = moved.mean(0), moved.var(0, correction=0)
        running_mean, running_variance = self.running[i]
        running_mean.lerp_((y[0] + mean).detach(), 0.1)
        running_variance.lerp_(y.detach().var(0), 0.1)
        return (moved - mean) / torch.sqrt(variance + 1e-5)

    def derivatives(self, done: Pass) -> list[Tensor]:
        """φ'(z) of every hidden layer, with the convention."""
        spec = self.spec.activation
        return [
            derivative(activation_function(spec, slope), z.detach(), spec.convention)
            for z, slope in zip(done.z, self.slopes[:-1], strict=True)
        ]
