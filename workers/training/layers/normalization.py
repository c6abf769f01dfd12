"""Normalisation between a layer's linear map and its activation, with the defaults of PyTorch's
BatchNorm and LayerNorm (eps 1e-5, momentum 0.1).

x̂ = (y - mean y) / sqrt(var y + eps),  z = γ x̂ + β, where y is what the map puts out and var the
biased variance. With n values in each mean, and g the gradient at z:
∂β = Σ g,  ∂γ = Σ g x̂,  gradient at y = (γ g - mean(γ g) - x̂ mean(γ g x̂)) / sqrt(var y + eps)

Elementwise operations are single ones (a product, then a sum): fused, they might round otherwise
for few members than for many.

Sources: Ioffe and Szegedy 2015; Ba, Kiros and Hinton 2016.

Legend: K members, R rows (examples times positions, padded), E examples (padded), P positions,
U units (padded).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

EPS = 1e-5
MOMENTUM = 0.1


class NormBuffers:
    """What a normalisation keeps from its forward to its backward pass."""

    def __init__(self, z: Tensor, real: int, is_unit: Tensor | None) -> None:
        """`z` [K, R, U], a tensor like it; `real` rows are no padding; `is_unit` [U] is 1 for a
        real unit, None where all are."""
        self.real, self.is_unit = real, is_unit
        self.normalized = torch.zeros_like(z)
        """x̂ [K, R, U]"""
        self.scratch = torch.zeros_like(z)
        self.deviation = z.new_ones(())
        """sqrt(var y + eps), ready to broadcast."""


class Normalizer:
    """One hidden layer's normalisation, in the working precision. Padded units stay 0, and no
    padded row or unit enters a mean."""

    def __init__(
        self,
        *,
        scale: Tensor,
        shift: Tensor,
        statistics: Sequence[Tensor],
        units: int,
        positions: int,
    ) -> None:
        """γ, β and what else is kept, [K, 1, U] each: views into the state."""
        self.scale, self.shift, self.statistics = scale, shift, statistics
        self.units, self.positions = units, positions

    def forward(self, z: Tensor, own: NormBuffers, *, is_training: bool) -> None:
        """Replaces y in z by γ x̂ + β."""
        raise NotImplementedError

    def affine(self, normalized: Tensor, out: Tensor) -> Tensor:
        """out = γ x̂ + β."""
        return torch.mul(normalized, self.scale, out=out).add_(self.shift)

    def backward(self, g: Tensor, own: NormBuffers, scale_out: Tensor, shift_out: Tensor) -> None:
        """Fills ∂γ and ∂β [K, U] from the gradient g at z, and replaces it by the one at y."""
        torch.sum(g, 1, out=shift_out)
        torch.sum(torch.mul(g, own.normalized, out=own.scratch), 1, out=scale_out)
        self._to_input(g, own, scale_out[:, None], shift_out[:, None])

    def _to_input(self, g: Tensor, own: NormBuffers, d_scale: Tensor, d_shift: Tensor) -> None:
        raise NotImplementedError


class BatchNorm(Normalizer):
    """Means over the rows of the mini-batch, unit by unit. Evaluation uses running statistics:
    after each step 0.9 of the old value and 0.1 of the batch's mean, or unbiased variance."""

    def forward(self, z: Tensor, own: NormBuffers, *, is_training: bool) -> None:
        mean, variance = self.statistics
        if not is_training:
            z.sub_(mean).div_((variance + EPS).sqrt_())
            self.affine(z, z)
            return
        n = own.real
        # From the first row on: so a unit that is the same for all examples is exactly 0, which
        # subtracting a rounded mean would not give.
        first = z[:, :1].clone()
        z.sub_(first)
        shifted = z[:, :n].sum(1, keepdim=True).div_(n)
        z.sub_(shifted)
        squares = torch.mul(z, z, out=own.normalized)
        biased = squares[:, :n].sum(1, keepdim=True).div_(n)
        own.deviation = (biased + EPS).sqrt_()
        self.affine(torch.div(z, own.deviation, out=own.normalized), z)
        mean.mul_(1 - MOMENTUM).add_(shifted.add_(first).mul_(MOMENTUM))
        variance.mul_(1 - MOMENTUM).add_(biased.mul_(MOMENTUM * n / (n - 1)))

    def _to_input(self, g: Tensor, own: NormBuffers, d_scale: Tensor, d_shift: Tensor) -> None:
        n = own.real
        g.sub_(torch.mul(own.normalized, d_scale / n, out=own.scratch))
        g.sub_(d_shift / n)
        g.mul_(self.scale / own.deviation)
        g[:, n:] = 0.0


class LayerNorm(Normalizer):
    """Means over the layer's units (and positions), example by example."""

    def forward(self, z: Tensor, own: NormBuffers, *, is_training: bool) -> None:
        flat, normalized = self._by_example(z), self._by_example(own.normalized)
        flat.sub_(self._mean(flat))
        if own.is_unit is not None:
            z.mul_(own.is_unit)
        biased = self._mean(torch.mul(flat, flat, out=normalized))
        own.deviation = biased.add_(EPS).sqrt_()
        torch.div(flat, own.deviation, out=normalized)
        self.affine(own.normalized, z)

    def _to_input(self, g: Tensor, own: NormBuffers, d_scale: Tensor, d_shift: Tensor) -> None:
        g.mul_(self.scale)
        flat, scratch = self._by_example(g), self._by_example(own.scratch)
        normalized = self._by_example(own.normalized)
        along = self._mean(torch.mul(flat, normalized, out=scratch))
        flat.sub_(self._mean(flat))
        flat.sub_(torch.mul(normalized, along, out=scratch))
        if own.is_unit is not None:
            g.mul_(own.is_unit)
        flat.div_(own.deviation)

    def _by_example(self, z: Tensor) -> Tensor:
        """[K, E, P U]"""
        return z.view(z.shape[0], z.shape[1] // self.positions, -1)

    def _mean(self, values: Tensor) -> Tensor:
        """[K, E, 1]: over the real ones, for padded ones are 0."""
        return values.sum(2, keepdim=True).div_(self.positions * self.units)
