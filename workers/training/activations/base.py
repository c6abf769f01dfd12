"""What an activation is to the engine: value, derivative, kinks, and what to count of its units.

The gradient that leaves an activation is the gradient that arrives, times φ'(z). At a kink at 0
φ' is the member's convention where it chose one, and PyTorch's value where it did not. (Code
that *assigns* the convention to the gradient drops the chain rule. Members of a study that
compares the two may ask for just that.)

Legend: K members, R rows (examples, padded), U units (padded).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Generator, Tensor

from service.domain.activations import Activation
from workers.training.arrays import Array
from workers.training.stacking import Scratch, per_member

FLAT = 1e-3
"""|φ'| below this counts towards saturation."""


@dataclass(frozen=True, kw_only=True)
class UnitCounts:
    """What a pass says about each unit, [K, U] each."""

    passing: Array
    """Examples with φ'(z) ≠ 0."""
    flat: Array
    """Examples with |φ'(z)| < FLAT."""
    zero: Array
    """Examples with h = 0."""
    activity: Array
    """Sum of |h|."""


class Kernel:
    """One hidden layer's activation for K members, as tensors [K, R, U] in the working
    precision. What differs between members is a tensor [K, 1, 1]."""

    overwrites: ClassVar[bool] = False
    """φ is computed in place of z; its derivative then follows from h."""
    keeps_zero: ClassVar[bool] = True
    """φ(0) = 0, so padded units stay 0 by themselves."""
    draws: ClassVar[bool] = False
    """Something is random in training."""
    learns: ClassVar[bool] = False
    """There is a learned slope, and so a gradient for it."""

    def __init__(
        self,
        specs: Sequence[Any],
        dtype: torch.dtype,
        device: torch.device,
        scratch: Scratch,
    ) -> None:
        self.specs: Sequence[Any] = specs
        self.scratch = scratch
        self.dtype, self.device = dtype, device
        activations: Sequence[Activation] = specs
        self.kink_points = sorted({point for spec in activations for point in spec.kinks})
        self.has_kinks: Array = np.array([float(bool(spec.kinks)) for spec in activations])
        """[K]"""
        chosen = [spec.convention for spec in activations]
        self.has_conventions = any(value is not None for value in chosen)
        self._is_chosen = self.stack([value is not None for value in chosen]) != 0
        self.conventions: Array = np.array([value or 0.0 for value in chosen])
        """[K], 0 where none was chosen."""
        self._at_zero = self.stack(self.conventions.tolist())
        overwrites = [spec.overwrites_gradient for spec in activations]
        self.overwrites_any = any(overwrites)
        self._is_overwriting = per_member(overwrites, torch.bool, device)
        self.prepare()

    def stack(self, values: Sequence[float]) -> Tensor:
        return per_member(values, self.dtype, self.device)

    def prepare(self) -> None:
        """Stacks the parameters of the members' activations."""

    def value(self, z: Tensor, h: Tensor) -> None:
        """h = φ(z)."""
        raise NotImplementedError

    def chain(self, g: Tensor, z: Tensor, h: Tensor) -> None:
        """g = g φ'(z), in place, with PyTorch's φ' at the kinks."""
        raise NotImplementedError

    def backward(self, g: Tensor, z: Tensor, h: Tensor, chosen_zeros: Tensor | None) -> None:
        """The same with the members' own conventions. `chosen_zeros` marks where one applies;
        None: nowhere."""
        if chosen_zeros is None:
            self.chain(g, z, h)
            return
        at_zero = g * self._at_zero
        if self.overwrites_any:
            at_zero = torch.where(self._is_overwriting, self._at_zero, at_zero)
        self.chain(g, z, h)
        torch.where(chosen_zeros, at_zero, g, out=g)

    def mark_kinks(self, z: Tensor, out: Tensor) -> None:
        """out = 1 where z is at a kink, else 0. (Comparisons into floating point are four times
        faster on a CPU than into booleans.)"""
        first, *others = self.kink_points
        torch.eq(z, first, out=out)
        for point in others:
            out.add_(torch.eq(z, point, out=self.scratch(0, z)))

    def chosen_zeros(self, z: Tensor) -> Tensor:
        """Where a member's convention replaces PyTorch's derivative."""
        return torch.eq(z, 0).logical_and_(self._is_chosen)

    def heard(self, upstream: Tensor, chosen_zeros: Tensor | None) -> Tensor:
        """Not 0 where a kink has an effect: the gradient that arrives, or, where the convention is
        written over it, 1."""
        if chosen_zeros is None or not self.overwrites_any:
            return upstream
        return upstream.masked_fill(chosen_zeros & self._is_overwriting, 1.0)

    def tally(
        self, z: Tensor, h: Tensor, chosen_zeros: Tensor | None, rows: int
    ) -> dict[str, Tensor]:
        """Sums [K, U] over the first `rows` rows; the others are padding."""
        slope, mark = self.scratch(2, z), self.scratch(3, z)
        slope.fill_(1.0)
        self.backward(slope, z, h, chosen_zeros)

        def marked(comparison: Any, values: Tensor, bound: float) -> Tensor:
            total: Tensor = comparison(values, bound, out=mark)[:, :rows].sum(1)
            return total

        return {
            "passing": marked(torch.ne, slope, 0.0),
            "flat": marked(torch.lt, slope.abs_(), FLAT),
            "zero": marked(torch.eq, h, 0.0),
            "activity": torch.abs(h, out=mark)[:, :rows].sum(1),
        }

    def judge(self, sums: dict[str, Array], examples: int) -> UnitCounts:
        """The counts of a pass over `examples` examples from its sums."""
        return UnitCounts(**sums)

    def attach(self, slope: Tensor) -> None:
        """Where a learned slope lives, [K, 1, 1]."""

    def slope_gradient(self, g: Tensor, z: Tensor) -> Tensor:
        """[K]: the gradient of a learned slope, from the gradient g that arrives."""
        raise NotImplementedError

    def draw(self, z: Tensor, generators: Sequence[Generator]) -> None:
        """Before a training step: draws what is random, from a generator a member."""

    def settle(self) -> None:
        """Before an evaluation: replaces what is random by its mean."""
