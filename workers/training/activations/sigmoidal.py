"""sigmoid and tanh and what is built from them. Hendrycks and Gimpel 2016 (gelu), Elfwing et al.
2018 (silu), Misra 2020 (mish), Howard et al. 2019 (hardswish).

`torch.sigmoid` and its like are not used: see `workers.training.exactness`.

Legend: K members, R rows, U units.
"""

import math

import torch
from torch import Tensor

from workers.training.activations.base import Kernel


def sigmoid(x: Tensor, out: Tensor) -> Tensor:
    """1 / (1 + exp(-x)). `out` may be x."""
    return torch.neg(x, out=out).exp_().add_(1.0).reciprocal_()


def softplus(x: Tensor, out: Tensor) -> Tensor:
    """log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)), which overflows nowhere."""
    return torch.abs(x, out=out).neg_().exp_().log1p_().add_(torch.clamp_min(x, 0.0))


class Sigmoid(Kernel):
    """φ' = h (1 - h)."""

    keeps_zero = False

    def value(self, z: Tensor, h: Tensor) -> None:
        sigmoid(z, out=h)

    def chain(self, g: Tensor, z: Tensor, h: Tensor) -> None:
        g.mul_(torch.rsub(h, 1.0).mul_(h))


class Tanh(Kernel):
    """φ' = 1 - h²."""

    def value(self, z: Tensor, h: Tensor) -> None:
        torch.tanh(z, out=h)

    def chain(self, g: Tensor, z: Tensor, h: Tensor) -> None:
        g.mul_(torch.mul(h, h, out=self.scratch(0, h)).neg_().add_(1.0))


class Softsign(Kernel):
    """z / (1 + |z|), φ' = 1 / (1 + |z|)²."""

    def value(self, z: Tensor, h: Tensor) -> None:
        torch.div(z, torch.abs(z, out=self.scratch(0, z)).add_(1.0), out=h)

    def chain(self, g: Tensor, z: Tensor, h: Tensor) -> None:
        below = torch.abs(z, out=self.scratch(0, z)).add_(1.0)
        g.div_(below).div_(below)


class Softplus(Kernel):
    """log(1 + exp(beta z)) / beta, and z where beta z > 20, as in PyTorch; φ' = sigmoid(beta z),
    and 1 there."""

    keeps_zero = False

    def prepare(self) -> None:
        self.beta = self.stack([spec.beta for spec in self.specs])

    def value(self, z: Tensor, h: Tensor) -> None:
        scaled = torch.mul(z, self.beta, out=self.scratch(0, z))
        curved = torch.le(scaled, 20.0, out=self.scratch(1, z))
        scaled.abs_().neg_().exp_().log1p_().mul_(curved).div_(self.beta)
        torch.clamp_min(z, 0.0, out=h).add_(scaled)

    def chain(self, g: Tensor, z: Tensor, h: Tensor) -> None:
        scaled = torch.mul(z, self.beta, out=self.scratch(0, z))
        curved = torch.le(scaled, 20.0, out=self.scratch(1, z))
        # The sigmoid where curved, exactly 1 elsewhere. Never 1 - (1 - sigmoid): that is 0 for
        # all small slopes, and their units would count as dead.
        slope = sigmoid(scaled, out=scaled).mul_(curved)
        g.mul_(slope.add_(curved.neg_().add_(1.0)))


class Gelu(Kernel):
    """z Φ(z), φ' = Φ(z) + z exp(-z²/2) / sqrt(2 pi)."""

    def value(self, z: Tensor, h: Tensor) -> None:
        torch.mul(z, self._distribution(z), out=h)

    def chain(self, g: Tensor, z: Tensor, h: Tensor) -> None:
        slope = self._distribution(z)
        density = torch.mul(z, z, out=self.scratch(1, z)).mul_(-0.5).exp_()
        density.mul_(1 / math.sqrt(2 * math.pi)).mul_(z)
        g.mul_(slope.add_(density))

    def _distribution(self, z: Tensor) -> Tensor:
        scaled = torch.mul(z, math.sqrt(0.5), out=self.scratch(0, z))
        return scaled.erf_().add_(1.0).mul_(0.5)


class Silu(Kernel):
    """z σ(z), φ' = σ (1 + z (1 - σ))."""

    def value(self, z: Tensor, h: Tensor) -> None:
        torch.mul(z, sigmoid(z, out=self.scratch(0, z)), out=h)

    def chain(self, g: Tensor, z: Tensor, h: Tensor) -> None:
        s = sigmoid(z, out=self.scratch(0, z))
        slope = torch.neg(s, out=self.scratch(1, z)).add_(1.0).mul_(z).add_(1.0).mul_(s)
        g.mul_(slope)


class Mish(Kernel):
    """z t with t = tanh(softplus(z)), φ' = t + z σ(z) (1 - t²)."""

    def value(self, z: Tensor, h: Tensor) -> None:
        torch.mul(z, softplus(z, out=self.scratch(0, z)).tanh_(), out=h)

    def chain(self, g: Tensor, z: Tensor, h: Tensor) -> None:
        t = softplus(z, out=self.scratch(0, z)).tanh_()
        rest = torch.mul(t, t).neg_().add_(1.0).mul_(z)
        g.mul_(rest.mul_(sigmoid(z, out=self.scratch(1, z))).add_(t))


class Hardswish(Kernel):
    """z min(max(0, z + 3), 6) / 6; φ' = 0 below -3, z/3 + 1/2 between, 1 above 3, with PyTorch's
    values at -3 and 3."""

    def value(self, z: Tensor, h: Tensor) -> None:
        gate = torch.add(z, 3.0, out=self.scratch(0, z)).clamp_(0.0, 6.0)
        torch.mul(z, gate, out=h).div_(6.0)

    def chain(self, g: Tensor, z: Tensor, h: Tensor) -> None:
        inside = torch.clamp(z, -3.0, 3.0, out=self.scratch(0, z)).div_(3.0).add_(0.5)
        inside.mul_(torch.gt(z, -3.0, out=self.scratch(1, z)))
        inside.mul_(torch.lt(z, 3.0, out=self.scratch(1, z)))
        g.mul_(inside.add_(torch.ge(z, 3.0, out=self.scratch(1, z))))
