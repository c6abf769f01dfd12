"""Activations computed by the engine's kernels."""

from collections.abc import Sequence

import torch
from torch import Tensor

from service.domain.activations import Activation
from tests.unit.engine.parts.formulas import (
    STRAIGHT,
    stacked,
)
from tests.unit.engine.parts.trainings import CPU
from workers.training.activations import KERNELS, Kernel
from workers.training.stacking import Scratch

F64 = torch.float64


def kernel_for(specs: Sequence[Activation], dtype: torch.dtype = F64) -> Kernel:
    """One layer's activation as the engine sets it up for evaluation."""
    kernel = KERNELS[specs[0].name](specs, dtype, CPU, Scratch())
    slopes = [getattr(spec, "init", 0.0) for spec in specs]
    kernel.attach(torch.tensor(slopes, dtype=F64).to(dtype)[:, None, None])
    kernel.settle()
    return kernel


def pass_through(kernel: Kernel, z: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    """φ(z) and g φ'(z), [K, R, U] each."""
    h, passing = torch.empty_like(z), g.clone()
    kernel.value(z, h)
    marks = kernel.chosen_zeros(z) if kernel.has_conventions else None
    kernel.backward(passing, z, h, marks)
    return h, passing


def alone(spec: Activation, values: list[float], dtype: torch.dtype = F64) -> tuple[Tensor, Tensor]:
    """φ and φ' of one member at the values, [R] each in float64."""
    z = stacked(values, 1, dtype)
    h, slope = pass_through(kernel_for([spec], dtype), z, torch.ones_like(z))
    return h[0, :, 0].double(), slope[0, :, 0].double()


def tolerance(expected: Tensor, at: Tensor, name: str, eps: float) -> Tensor:
    """0 for straight lines. Else 8 roundings of numbers as large as the result, 1 (what 1 - σ
    and 1 + erf cancel from) or z (which multiplies such a difference); from |z| = 50 on nothing
    is left of the difference."""
    if name in STRAIGHT:
        return torch.zeros_like(expected)
    return 8 * eps * torch.maximum(expected.abs(), at.abs().clamp(1, 50))


def assert_close(actual: Tensor, expected: Tensor, at: Tensor, name: str, eps: float) -> None:
    wrong = ~((actual - expected).abs() <= tolerance(expected, at, name, eps))
    assert not wrong.any(), list(zip(at[wrong], actual[wrong], expected[wrong], strict=True))[:5]
