"""relu and its kin: a straight line on either side of 0.

Legend: K members, R rows, U units.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Generator, Tensor

from workers.training.activations.base import FLAT, Kernel, UnitCounts
from workers.training.arrays import Array

_threshold_backward = torch.ops.aten.threshold_backward.grad_input
_hardtanh_backward = torch.ops.aten.hardtanh_backward.grad_input


def keep_where_positive(g: Tensor, z: Tensor, out: Tensor) -> Tensor:
    """out = g where z > 0, else 0; a NaN in z lets g pass, as in PyTorch's relu."""
    kept: Tensor = _threshold_backward(g, z, 0.0, grad_input=out)
    return kept


class Relu(Kernel):
    """max(0, z). φ' is 1 above 0, 0 below; at 0 the convention, else 0."""

    overwrites = True

    def value(self, z: Tensor, h: Tensor) -> None:
        torch.clamp_min(z, 0.0, out=h)

    def chain(self, g: Tensor, z: Tensor, h: Tensor) -> None:
        keep_where_positive(g, h, out=g)

    def tally(
        self, z: Tensor, h: Tensor, chosen_zeros: Tensor | None, rows: int
    ) -> dict[str, Tensor]:
        """All counts follow from those of h > 0 and of z = 0."""
        positive = torch.gt(h, 0.0, out=self.scratch(2, h))
        sums = {"positive": positive[:, :rows].sum(1), "activity": h[:, :rows].sum(1)}
        if chosen_zeros is not None:
            sums["chosen_zero"] = chosen_zeros[:, :rows].sum(1)
        return sums

    def judge(self, sums: dict[str, Array], examples: int) -> UnitCounts:
        positive = sums["positive"]
        passing, flat = positive, examples - positive
        if "chosen_zero" in sums:
            slope = np.abs(self.conventions)[:, None]
            passing = passing + sums["chosen_zero"] * (slope > 0)
            flat = flat - sums["chosen_zero"] * (slope >= FLAT)
        return UnitCounts(
            passing=passing, flat=flat, zero=examples - positive, activity=sums["activity"]
        )


class Clamp(Kernel):
    """min(max(low, z), high): φ' is 1 inside, 0 outside and at the bounds, unless a bound is 0
    and has a convention."""

    low: float
    high: float

    def value(self, z: Tensor, h: Tensor) -> None:
        torch.clamp(z, self.low, self.high, out=h)

    def chain(self, g: Tensor, z: Tensor, h: Tensor) -> None:
        _hardtanh_backward(g, z, self.low, self.high, grad_input=g)


class Relu6(Clamp):
    low, high = 0.0, 6.0


class Hardtanh(Clamp):
    low, high = -1.0, 1.0


class Leaky(Kernel):
    """z above 0, a z elsewhere: φ' is 1 above 0, a at and below 0 unless the convention says
    otherwise at 0."""

    slope: Tensor
    """a, broadcastable to [K, R, U]."""

    def value(self, z: Tensor, h: Tensor) -> None:
        below = torch.clamp_max(z, 0.0, out=self.scratch(0, z)).mul_(self.slope)
        torch.clamp_min(z, 0.0, out=h).add_(below)

    def chain(self, g: Tensor, z: Tensor, h: Tensor) -> None:
        below = self.scratch(0, z).copy_(g)
        keep_where_positive(g, z, out=g)
        g.addcmul_(below.sub_(g), self.slope)


class LeakyRelu(Leaky):
    """a is given."""

    def prepare(self) -> None:
        self.slope = self.stack([spec.negative_slope for spec in self.specs])


class Prelu(Leaky):
    """a is learned: one per hidden layer and member. da = Σ g z over z <= 0 (He et al. 2015)."""

    learns = True

    def attach(self, slope: Tensor) -> None:
        self._stored = slope
        self.slope = slope if slope.dtype == self.dtype else slope.to(self.dtype)

    def refresh(self) -> None:
        if self.slope is not self._stored:
            self.slope.copy_(self._stored)

    def slope_gradient(self, g: Tensor, z: Tensor) -> Tensor:
        below = torch.clamp_max(z, 0.0, out=self.scratch(0, z)).mul_(g)
        return below.sum(1).sum(1)

    def draw(self, z: Tensor, generators: Sequence[Generator]) -> None:
        self.refresh()

    def settle(self) -> None:
        self.refresh()


class Rrelu(Leaky):
    """a is drawn per pre-activation in training, uniform in [lower, upper]; in evaluation it is
    the mean of the bounds (Xu et al. 2015)."""

    draws = True

    def prepare(self) -> None:
        self.mean_slope = self.stack([(spec.lower + spec.upper) / 2 for spec in self.specs])
        self.slope = self.mean_slope

    def draw(self, z: Tensor, generators: Sequence[Generator]) -> None:
        self.slope = self.scratch(id(self), z)
        for k, (spec, generator) in enumerate(zip(self.specs, generators, strict=True)):
            self.slope[k].uniform_(spec.lower, spec.upper, generator=generator)

    def settle(self) -> None:
        self.slope = self.mean_slope


class Identity(Kernel):
    """z."""

    overwrites = True

    def value(self, z: Tensor, h: Tensor) -> None:
        if h is not z:
            h.copy_(z)

    def chain(self, g: Tensor, z: Tensor, h: Tensor) -> None:
        """φ' = 1."""
