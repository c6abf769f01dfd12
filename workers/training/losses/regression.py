"""Losses of the residual r = out - target.

Legend: K members, R rows (examples, padded), n real rows, C outputs (padded).
"""

import torch
from torch import Tensor

from workers.training.exactness import member_sum
from workers.training.losses.base import LossKernel, RowWeights


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
        self.convention = self.stack(slopes)
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


class Elementwise(Regression):
    """A loss that is told by its value and its slope at each residual."""

    def value(self, residual: Tensor) -> Tensor:
        """The loss of each residual, [K, R, C]; may overwrite it."""
        raise NotImplementedError

    def slope(self, residual: Tensor, out: Tensor, weights: RowWeights) -> None:
        """out = the derivative at each residual."""
        raise NotImplementedError

    def step(self, out: Tensor, target: Tensor, weights: RowWeights, g: Tensor) -> Tensor:
        residual = self.residual(out, target)
        self.slope(residual, g, weights)
        g.mul_(weights.value_mean)
        return member_sum(self.value(residual).mul_(weights.value_mean))

    def total(self, out: Tensor, target: Tensor, weights: RowWeights) -> Tensor:
        losses = self.value(self.residual(out, target)).mul_(weights.is_value)
        return member_sum(losses).double() / self.shapes.outputs


class Huber(Elementwise):
    """c (|r| - c / 2) with c = min(|r|, delta), and slope r, cut off at -delta and delta."""

    def prepare(self) -> None:
        self.bound = self.stack([spec.delta for spec in self.specs])
        self.minus_bound = -self.bound

    def value(self, residual: Tensor) -> Tensor:
        distance = residual.abs_()
        curved = torch.minimum(distance, self.bound, out=self.scratch(1, residual))
        return distance.sub_(curved, alpha=0.5).mul_(curved)

    def slope(self, residual: Tensor, out: Tensor, weights: RowWeights) -> None:
        torch.maximum(residual, self.minus_bound, out=out)
        torch.minimum(out, self.bound, out=out)


class SmoothL1(Huber):
    """Huber's loss with delta = beta, divided by beta."""

    def prepare(self) -> None:
        self.bound = self.stack([spec.beta for spec in self.specs])
        self.minus_bound = -self.bound

    def value(self, residual: Tensor) -> Tensor:
        return super().value(residual).div_(self.bound)

    def slope(self, residual: Tensor, out: Tensor, weights: RowWeights) -> None:
        super().slope(residual, out, weights)
        out.div_(self.bound)


class Quantile(Elementwise):
    """max(-q r, (1 - q) r), with slope -q below 0, 1 - q above, and at 0 the convention."""

    has_kink = True

    def prepare(self) -> None:
        self.below = self.stack([-spec.q for spec in self.specs])
        self.above = self.stack([1 - spec.q for spec in self.specs])
        self.convention = self.stack([spec.convention for spec in self.specs])
        self._hits = torch.zeros(len(self.specs), dtype=self.shapes.work, device=self.device)

    def value(self, residual: Tensor) -> Tensor:
        if_below = torch.mul(residual, self.below, out=self.scratch(1, residual))
        return torch.maximum(residual.mul_(self.above), if_below, out=residual)

    def slope(self, residual: Tensor, out: Tensor, weights: RowWeights) -> None:
        at_kink = torch.eq(residual, 0.0)
        self._hits = member_sum(at_kink * weights.is_value)
        torch.where(torch.gt(residual, 0.0), self.above, self.below, out=out)
        torch.where(at_kink, self.convention, out, out=out)

    def kink_hits(self) -> Tensor:
        return self._hits
