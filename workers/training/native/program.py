"""From a spec to the kernel's numbers. Adding an activation, loss or optimizer to the kernel is an
entry here and its name in kernel/interface.h."""

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import torch

from service.domain.activations import SELU_ALPHA, SELU_SCALE
from service.domain.spec import JobSpec
from workers.training.native.interface import MemberRecord, Program
from workers.training.optimizers import OptimizerKernel
from workers.training.shapes import Shapes

Numbers = tuple[float, ...]


def _none(_spec: Any) -> Numbers:
    return ()


def _exponential(right: float, left: float, rate: float) -> Numbers:
    return right, left, rate, left * rate


_ACTIVATIONS: dict[str, tuple[int, Callable[[Any], Numbers]]] = {
    "identity": (0, _none),
    "relu": (1, _none),
    "relu6": (2, lambda _: (0.0, 6.0)),
    "hardtanh": (3, lambda _: (-1.0, 1.0)),
    "leaky_relu": (4, lambda spec: (spec.negative_slope,)),
    "prelu": (5, _none),
    "elu": (6, lambda spec: _exponential(1.0, spec.alpha, 1.0)),
    "selu": (6, lambda _: _exponential(SELU_SCALE, SELU_SCALE * SELU_ALPHA, 1.0)),
    "celu": (6, lambda spec: _exponential(1.0, spec.alpha, 1 / spec.alpha)),
    "sigmoid": (7, _none),
    "tanh": (8, _none),
    "softsign": (9, _none),
    "softplus": (10, lambda spec: (spec.beta,)),
    "gelu": (11, _none),
    "silu": (12, _none),
    "mish": (13, _none),
    "hardswish": (14, _none),
}
"""By name: the kernel's number, and the parameters."""

_LOSSES: dict[str, tuple[int, Callable[[Any], Numbers]]] = {
    "cross_entropy": (0, _none),
    "mse": (1, _none),
    "mae": (2, lambda spec: (spec.derivative_at_zero,)),
    "huber": (3, lambda spec: (spec.delta, 1.0)),
    "smooth_l1": (3, lambda spec: (spec.beta, spec.beta)),
    "quantile": (4, lambda spec: (-spec.q, 1 - spec.q, spec.convention)),
    "bce": (5, _none),
    "hinge": (6, lambda spec: (spec.margin, spec.derivative_at_zero)),
}

_SMALLEST = {name: torch.finfo(getattr(torch, name)).tiny for name in ("float32", "float64")}


def _adam(spec: JobSpec) -> Numbers:
    given: Any = spec.optimizer
    eps = max(given.eps, _SMALLEST[spec.precision])
    return given.beta1, given.beta2, 1 - given.beta1, 1 - given.beta2, eps


def _rmsprop(spec: JobSpec) -> Numbers:
    given: Any = spec.optimizer
    eps = max(given.eps, _SMALLEST[spec.precision])
    return given.momentum, given.alpha, 1 - given.alpha, eps


_OPTIMIZERS: dict[str, tuple[int, Callable[[Any], Numbers]]] = {
    "sgd": (0, lambda spec: (spec.optimizer.momentum, float(spec.optimizer.nesterov))),
    "adam": (1, _adam),
    "adamw": (2, _adam),
    "rmsprop": (3, _rmsprop),
}


def can_train(spec: JobSpec) -> bool:
    """Whether the kernel knows all of the spec."""
    return (
        spec.precision in _SMALLEST
        and spec.network.kind in ("linear", "mlp")
        and spec.network.normalization == "none"
        and spec.activation.name in _ACTIVATIONS
        and spec.loss.name in _LOSSES
        and spec.optimizer.name in _OPTIMIZERS
        # The zone is one of PyTorch's products: whether a sum is exactly 0 depends on its order.
        and not spec.probes.bifurcation_draws
    )


def program(spec: JobSpec, shapes: Shapes, optimizer: OptimizerKernel, rates: int) -> Program:
    """What the members of a cohort share."""
    sizes = ctypes.c_int32 * len(shapes.widths)
    return Program(
        layers=shapes.layers,
        values=shapes.values,
        widths=sizes(*shapes.widths),
        padded=sizes(*shapes.padded_widths),
        activation=_ACTIVATIONS[spec.activation.name][0],
        loss=_LOSSES[spec.loss.name][0],
        optimizer=_OPTIMIZERS[spec.optimizer.name][0],
        moments=len(optimizer.moment_names),
        rates=rates,
    )


def member_record(
    spec: JobSpec, weights: Sequence[int], values: int, moments: Sequence[int]
) -> MemberRecord:
    """One member, with the addresses of its parameters."""
    activation, loss, optimizer = spec.activation, spec.loss, spec.optimizer
    convention, kinks = activation.convention, activation.kinks
    return MemberRecord(
        weights=(ctypes.c_void_p * len(weights))(*weights),
        values=values,
        moments=(ctypes.c_void_p * len(moments))(*moments),
        activation=_array(4, _ACTIVATIONS[activation.name][1](activation)),
        convention=0.0 if convention is None else convention,
        has_convention=convention is not None,
        overwrites=activation.overwrites_gradient,
        kinks=len(kinks),
        kink_points=_array(2, kinks),
        loss=_array(4, _LOSSES[loss.name][1](loss)),
        optimizer=_array(8, (optimizer.weight_decay, *_OPTIMIZERS[optimizer.name][1](spec))),
        clip_norm=optimizer.clip_grad_norm or 0.0,
    )


def _array(size: int, numbers: Numbers) -> "ctypes.Array[ctypes.c_double]":
    return (ctypes.c_double * size)(*numbers)
