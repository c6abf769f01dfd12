"""The sizes of a stacked network, the padded ones included, and its number formats.

Legend: K members, L hidden layers, F features, U units of a hidden layer, C outputs,
V values of a layer beside its weights.
"""

from dataclasses import dataclass
from functools import cached_property

import torch

from service.domain.networks import LayerSize, Normalization, dense
from service.domain.spec import JobSpec
from workers.training.exactness import TILE, padded

_DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}

VALUES_TILE = 64
"""Biases are padded further than matrices: an elementwise operation on so few values would
otherwise end in other routines for K = 1 than for K = 64."""


@dataclass(frozen=True, kw_only=True)
class Shapes:
    """What all members of a cohort share."""

    widths: tuple[int, ...]
    """Features, units of each hidden layer, outputs."""
    storage: torch.dtype
    """Of parameters, and of what goes in and comes out of matrix products."""
    layer_sizes: tuple[LayerSize, ...] = ()
    """Of each layer with weights; left out: fully connected from width to width."""
    normalization: Normalization = "none"
    """Of every hidden layer."""

    @classmethod
    def of(cls, spec: JobSpec) -> "Shapes":
        return cls(
            widths=spec.layer_widths,
            storage=_DTYPES[spec.precision],
            layer_sizes=spec.layer_sizes,
            normalization=spec.network.normalization,
        )

    @property
    def tile(self) -> int:
        return TILE[self.storage]

    @property
    def work(self) -> torch.dtype:
        """Of all elementwise arithmetic, losses, probes and optimizer states: float32 for the
        half precisions, as PyTorch's own kernels compute inside."""
        return torch.float64 if self.storage == torch.float64 else torch.float32

    @property
    def is_mixed(self) -> bool:
        return self.work != self.storage

    @property
    def layers(self) -> int:
        """Layers with weights: hidden ones and the output."""
        return len(self.widths) - 1

    @property
    def hidden(self) -> tuple[int, ...]:
        return self.widths[1:-1]

    @property
    def outputs(self) -> int:
        return self.widths[-1]

    @cached_property
    def sizes(self) -> tuple[LayerSize, ...]:
        """One for each layer with weights."""
        return self.layer_sizes or dense(self.widths)

    @cached_property
    def positions(self) -> tuple[int, ...]:
        """Of each layer with weights: rows that it computes for an example."""
        return tuple(size.positions for size in self.sizes)

    @cached_property
    def padded_fan_ins(self) -> tuple[int, ...]:
        """D_in of each layer with weights."""
        return tuple(padded(size.fan_in, self.tile) for size in self.sizes)

    @cached_property
    def gathered(self) -> tuple[int, ...]:
        """Per layer with weights: values that are copied for an example before the product; 0
        where the layer takes what is there."""
        return tuple(
            0 if size.source is None else size.positions * fan_in
            for size, fan_in in zip(self.sizes, self.padded_fan_ins, strict=True)
        )

    @cached_property
    def computed(self) -> tuple[int, ...]:
        """Features, then per layer with weights the values that it computes for an example."""
        widths = self.padded_widths
        return (widths[0], *(p * w for p, w in zip(self.positions, widths[1:], strict=True)))

    @cached_property
    def largest(self) -> int:
        """The most values that any layer computes or copies for an example."""
        return max(*self.computed, *self.gathered)

    @cached_property
    def padded_widths(self) -> tuple[int, ...]:
        return tuple(padded(width, self.tile) for width in self.widths)

    @cached_property
    def values(self) -> int:
        """V: room for a layer's biases and, in the last place, a learned slope."""
        return padded(max(self.padded_widths[1:]) + 1, VALUES_TILE)
