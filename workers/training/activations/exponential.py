"""elu and its kin: a line above 0, an exponential below. Clevert et al. 2016 (elu), Klambauer
et al. 2017 (selu), Barron 2017 (celu).

Legend: K members, R rows, U units.
"""

import torch
from torch import Tensor

from service.domain.activations import SELU_ALPHA, SELU_SCALE
from workers.training.activations.base import Kernel
from workers.training.activations.rectified import keep_where_positive


class Exponential(Kernel):
    """h = right * z above 0, left * (exp(rate z) - 1) elsewhere, so φ' is right above 0 and
    left * rate * exp(rate z) at and below 0; the convention replaces left * rate at 0."""

    def prepare(self) -> None:
        right, left, rate = zip(*(self.line_and_curve(spec) for spec in self.specs), strict=True)
        self.right, self.left, self.rate = self.stack(right), self.stack(left), self.stack(rate)
        self.left_slope = self.stack([a * b for a, b in zip(left, rate, strict=True)])

    @staticmethod
    def line_and_curve(spec: object) -> tuple[float, float, float]:
        """right, left and rate."""
        raise NotImplementedError

    def value(self, z: Tensor, h: Tensor) -> None:
        below = torch.clamp_max(z, 0.0, out=self.scratch(0, z)).mul_(self.rate)
        below.expm1_().mul_(self.left)
        torch.clamp_min(z, 0.0, out=h).mul_(self.right).add_(below)

    def chain(self, g: Tensor, z: Tensor, h: Tensor) -> None:
        below = self.scratch(0, z).copy_(g)
        keep_where_positive(g, z, out=g)
        below.sub_(g)
        curve = torch.clamp_max(z, 0.0, out=self.scratch(1, z)).mul_(self.rate)
        curve.exp_().mul_(self.left_slope)
        g.mul_(self.right).addcmul_(below, curve)


class Elu(Exponential):
    @staticmethod
    def line_and_curve(spec: object) -> tuple[float, float, float]:
        return 1.0, spec.alpha, 1.0  # type: ignore[attr-defined]


class Selu(Exponential):
    @staticmethod
    def line_and_curve(spec: object) -> tuple[float, float, float]:
        return SELU_SCALE, SELU_SCALE * SELU_ALPHA, 1.0


class Celu(Exponential):
    @staticmethod
    def line_and_curve(spec: object) -> tuple[float, float, float]:
        return 1.0, spec.alpha, 1 / spec.alpha  # type: ignore[attr-defined]
