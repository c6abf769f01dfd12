"""Activations and losses by PyTorch's own functions, and their conventions.

PyTorch gives value and derivative; a convention, where one is chosen, replaces the derivative at
exactly 0 and nothing else.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Function = Callable[[Tensor], Tensor]


def activation_function(spec: Any, slope: Tensor | None) -> Function:
    """PyTorch's function; `slope` is prelu's learned one. A random slope is its mean."""
    functions: dict[str, Callable[[Tensor], Tensor]] = {
        "relu": functional.relu,
        "relu6": functional.relu6,
        "leaky_relu": lambda z: functional.leaky_relu(z, spec.negative_slope),
        "prelu": lambda z: functional.prelu(z, given(slope)),
        "rrelu": lambda z: functional.rrelu(z, spec.lower, spec.upper, training=False),
        "elu": lambda z: functional.elu(z, spec.alpha),
        "selu": functional.selu,
        "celu": lambda z: functional.celu(z, spec.alpha),
        "gelu": functional.gelu,
        "silu": functional.silu,
        "mish": functional.mish,
        "softplus": lambda z: functional.softplus(z, spec.beta),
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "hardtanh": functional.hardtanh,
        "softsign": functional.softsign,
        "hardswish": functional.hardswish,
        "identity": lambda z: z * 1,
    }
    return functions[spec.name]


def given(slope: Tensor | None) -> Tensor:
    assert slope is not None
    return slope


def derivative(function: Function, z: Tensor, convention: float | None) -> Tensor:
    """φ'(z) by autograd, and the convention, if any, where z is exactly 0."""
    with torch.enable_grad():
        leaf = z.detach().requires_grad_()
        (slope,) = torch.autograd.grad(function(leaf).sum(), leaf)
    return slope if convention is None else slope.masked_fill(z == 0, convention)


class WithConvention(torch.autograd.Function):
    """h = φ(z), whose gradient is the upstream gradient times φ'(z)."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, function: Function, convention: float | None) -> Tensor:
        ctx.save_for_backward(derivative(function, z, convention))
        return function(z.detach())

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None]:
        (slope,) = ctx.saved_tensors
        return upstream[0] * slope, None, None


class Overwriting(torch.autograd.Function):
    """h = φ(z), whose gradient is that of φ, but where z is 0 it is the convention itself,
    whatever arrives: as published code has it."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, function: Function, convention: float) -> Tensor:
        ctx.save_for_backward(z, derivative(function, z, None))
        ctx.convention = convention
        return function(z.detach())

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None]:
        z, slope = ctx.saved_tensors
        gradient = upstream[0] * slope
        gradient[z == 0] = ctx.convention
        return gradient, None, None


def apply_activation(spec: Any, z: Tensor, slope: Tensor | None) -> Tensor:
    """h; a learned slope gets its gradient from PyTorch's prelu, by adding 0."""
    function = activation_function(spec, None if slope is None else slope.detach())
    of = Overwriting if spec.overwrites_gradient else WithConvention
    h: Tensor = of.apply(z, function, spec.convention)  # type: ignore[no-untyped-call]
    if slope is None:
        return h
    learned = functional.prelu(z.detach(), slope)
    return h + (learned - learned.detach())


def kinked(term: Function, x: Tensor, convention: float) -> Tensor:
    values: Tensor = WithConvention.apply(x, term, convention)  # type: ignore[no-untyped-call]
    return values


def _pinball(q: float, residual: Tensor) -> Tensor:
    return torch.maximum(-q * residual, (1 - q) * residual)


def _against_the_rest(out: Tensor, labels: Tensor) -> Tensor:
    """1 for the label's output, else 0; a single output is that of class 1."""
    if out.shape[1] == 1:
        return labels[:, None].to(out.dtype)
    return functional.one_hot(labels, out.shape[1]).to(out.dtype)


def _slack(spec: Any, out: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Margin minus the label's output plus each, rounded in the engine's order; and which of
    them count: not the label's own."""
    slack = out - out.gather(1, target[:, None]) + spec.margin
    return slack, functional.one_hot(target, out.shape[1]) == 0


def _hinge(spec: Any, out: Tensor, target: Tensor) -> Tensor:
    slack, is_other = _slack(spec, out, target)
    hinges = kinked(functional.relu, slack, spec.convention)
    return torch.where(is_other, hinges, 0.0).sum(1).mean() / out.shape[1]


LOSSES: dict[str, Callable[[Any, Tensor, Tensor], Tensor]] = {
    "mse": lambda spec, out, target: functional.mse_loss(out, target),
    "mae": lambda spec, out, target: kinked(torch.abs, out - target, spec.convention).mean(),
    "huber": lambda spec, out, target: functional.huber_loss(out, target, delta=spec.delta),
    "smooth_l1": lambda spec, out, target: functional.smooth_l1_loss(out, target, beta=spec.beta),
    "quantile": lambda spec, out, target: kinked(
        partial(_pinball, spec.q), out - target, spec.convention
    ).mean(),
    "cross_entropy": lambda spec, out, target: functional.cross_entropy(out, target),
    "bce": lambda spec, out, target: functional.binary_cross_entropy_with_logits(
        out, _against_the_rest(out, target)
    ),
    "hinge": _hinge,
}


def loss_of(spec: Any, out: Tensor, target: Tensor) -> Tensor:
    """The mean over examples and outputs."""
    return LOSSES[spec.name](spec, out, target)


def loss_kink_hits(spec: Any, out: Tensor, target: Tensor) -> int:
    """How often the loss of a batch was exactly at its kink."""
    if spec.name in ("mae", "quantile"):
        return int((out == target).sum())
    if spec.name == "hinge":
        slack, is_other = _slack(spec, out, target)
        return int(((slack == 0) & is_other).sum())
    return 0
