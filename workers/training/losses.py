"""The losses: one class each, the twins of those in `service.domain.losses`.

Means are over real examples and outputs. Padded rows and outputs get weight 0, padded classes
probability 0, so they enter no sum, no count and no gradient.

Legend: K members, R rows (examples, padded), n real rows, C outputs (padded).
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from workers.training.exactness import member_sum
from workers.training.shapes import Shapes
from workers.training.stacking import Scratch, per_member

_log_softmax = torch.ops.aten._log_softmax.out
_log_softmax_backward = torch.ops.aten._log_softmax_backward_data.out


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
        """[K]: residuals exactly at the kink in the last step. The gradient that arrives at a
        residual is its weight in the mean, never 0, so each of them is effective."""
        raise NotImplementedError


class CrossEntropy(LossKernel):
    """-log softmax(z)[label]; its gradient is (softmax(z) - onehot(label)) / n.

    `target` holds labels, [K, R, 1]."""

    def prepare(self) -> None:
        classes = torch.arange(self.shapes.padded_widths[-1])
        hidden = torch.zeros(len(classes)).masked_fill(classes >= self.shapes.outputs, -torch.inf)
        self.offset = hidden.to(self.device, self.shapes.work)
        self.is_padded = len(classes) > self.shapes.outputs

    def _log_probabilities(self, out: Tensor) -> Tensor:
        if self.is_padded:
            out.add_(self.offset)
        log_p = self.scratch(0, out)
        _log_softmax(out, -1, False, out=log_p)
        return log_p

    def step(self, out: Tensor, target: Tensor, weights: RowWeights, g: Tensor) -> Tensor:
        log_p = self._log_probabilities(out)
        loss = log_p.gather(2, target).mul_(weights.minus_row_mean)
        # -1/n at the label, then PyTorch's own backward: unlike torch.exp it is as fast for
        # probabilities so small that they are subnormal.
        onehot = self.scratch(1, out).zero_()
        onehot.scatter_(2, target, weights.minus_row_mean.expand_as(target))
        _log_softmax_backward(onehot, log_p, -1, log_p.dtype, out=g)
        return member_sum(loss)

    def total(self, out: Tensor, target: Tensor, weights: RowWeights) -> Tensor:
        picked = self._log_probabilities(out).gather(2, target).mul_(weights.is_row)
        return member_sum(picked).neg_().double()

    def score(self, out: Tensor, target: Tensor, weights: RowWeights) -> Tensor:
        if self.is_padded:
            out.add_(self.offset)
        best = out.max(2, keepdim=True).indices
        return (best == target)[:, : weights.real].sum((1, 2)).double()


class Regression(LossKernel):
    """A loss of the residual r = out - target, [K, R, C]."""

    def residual(self, out: Tensor, target: Tensor) -> Tensor:
        return torch.sub(out, target, out=self.scratch(0, out))

    def score(self, out: Tensor, target: Tensor, weights: RowWeights) -> Tensor:
        residual = torch.sub(out, target).double().mul_(weights.is_value)
        return member_sum(residual.mul_(residual))


class Mse(Regression):
    """mean(r²), with gradient 2 r / (n outputs)."""

    def step(self, out: Tensor, target: Tensor, weights: RowWeights, g: Tensor) -> Tensor:
        residual = self.residual(out, target)
        torch.mul(residual, weights.value_mean, out=g)
        loss = member_sum(residual.mul_(g))
        g.mul_(2.0)
        return loss

    def total(self, out: Tensor, target: Tensor, weights: RowWeights) -> Tensor:
        residual = self.residual(out, target)
        squares = residual.mul_(residual).mul_(weights.is_value)
        return member_sum(squares).double() / self.shapes.outputs


class Mae(Regression):
    """mean(|r|), with gradient sign(r) / (n outputs), and at r = 0 the convention."""

    has_kink = True

    def prepare(self) -> None:
        slopes = [spec.derivative_at_zero for spec in self.specs]
        self.convention = per_member(slopes, self.shapes.work, self.device)
        self._hits = torch.zeros(len(slopes), dtype=self.shapes.work, device=self.device)

    def step(self, out: Tensor, target: Tensor, weights: RowWeights, g: Tensor) -> Tensor:
        residual = self.residual(out, target)
        at_kink = torch.eq(residual, 0.0, out=self.scratch(1, out)).mul_(weights.is_value)
        self._hits = member_sum(at_kink)
        torch.sign(residual, out=g).addcmul_(at_kink, self.convention).mul_(weights.value_mean)
        return member_sum(residual.abs_().mul_(weights.value_mean))

    def total(self, out: Tensor, target: Tensor, weights: RowWeights) -> Tensor:
        distance = self.residual(out, target).abs_().mul_(weights.is_value)
        return member_sum(distance).double() / self.shapes.outputs

    def kink_hits(self) -> Tensor:
        return self._hits


def loss_kernel(
    specs: Sequence[Any], shapes: Shapes, device: torch.device, scratch: Scratch
) -> LossKernel:
    """The members' loss; all have the same name."""
    return LOSSES[specs[0].name](specs, shapes, device, scratch)


LOSSES: dict[str, type[LossKernel]] = {
    "mse": Mse,
    "mae": Mae,
    "cross_entropy": CrossEntropy,
}
