"""What a loss is to the engine: value, gradient, kinks, and what its metric is made of.

Means are over real examples and outputs. Padded rows and outputs get weight 0, padded classes
probability 0, so they enter no sum, no count and no gradient.

Legend: K members, R rows (examples, padded), n real rows, C outputs (padded).
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from workers.training.shapes import Shapes
from workers.training.stacking import Scratch, per_member


class RowWeights:
    """For a block of R rows of which n are real: what each row or value counts."""

    def __init__(self, rows: int, real: int, shapes: Shapes, device: torch.device) -> None:
        self.real = real
        row = (torch.arange(rows) < real).to(shapes.work)[None, :, None]
        output = (torch.arange(shapes.padded_widths[-1]) < shapes.outputs).to(shapes.work)
        self.is_row = row.to(device)
        """[1, R, 1], 1 for a real row."""
        self.is_value = (row * output).to(device)
        """[1, R, C], 1 for a real value."""
        self.minus_row_mean = (-row / real).to(device)
        """[1, R, 1], -1 / n for a real row."""
        self.value_mean = (row * output / (real * shapes.outputs)).to(device)
        """[1, R, C], 1 / (n outputs) for a real value."""


class LossKernel:
    """A loss for K members."""

    has_kink: ClassVar[bool] = False

    def __init__(
        self, specs: Sequence[Any], shapes: Shapes, device: torch.device, scratch: Scratch
    ) -> None:
        self.specs: Sequence[Any] = specs
        self.shapes, self.device, self.scratch = shapes, device, scratch
        self.prepare()

    def prepare(self) -> None:
        """Stacks the parameters of the members' losses."""

    def stack(self, values: Sequence[float]) -> Tensor:
        return per_member(values, self.shapes.work, self.device)

    def step(self, out: Tensor, target: Tensor, weights: RowWeights, g: Tensor) -> Tensor:
        """Writes the gradient of the mean loss to `g` [K, R, C]; returns the mean loss [K]. `out`
        may be overwritten."""
        raise NotImplementedError

    def total(self, out: Tensor, target: Tensor, weights: RowWeights) -> Tensor:
        """Sum of the examples' losses, [K] in float64, each the mean over its outputs."""
        raise NotImplementedError

    def score(self, out: Tensor, target: Tensor, weights: RowWeights) -> Tensor:
        """What the metric is made of, [K] in float64: hits of the largest output for classes,
        the sum of squared residuals for regression. To be called before `total`."""
        raise NotImplementedError

    def kink_hits(self) -> Tensor:
        """[K]: residuals (or margins) exactly at the kink in the last step. The gradient that
        arrives at one is its weight in the mean, never 0, so each of them is effective."""
        raise NotImplementedError
