"""The optimizers: one class each, as in `torch.optim`, with every constant a tensor over members.

Legend: K members; a parameter is [K, D_in, D_out] or [K, L + 1, V].
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from service.domain.optimizers import Optimizer
from workers.training.arrays import Array
from workers.training.cohort import Member
from workers.training.shapes import Shapes
from workers.training.stacking import Scratch, per_member
from workers.training.state import State

Rates = tuple[Tensor, ...]
"""What a step multiplies with, [K, 1, 1] each. The first is minus the step size."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The numbers of a block of steps."""

    table: Array
    """[S, n, K] in float64: for each step n numbers a member, the first minus the step size."""
    stacked: Tensor
    """The same in the working precision, on the device."""

    def by_step(self) -> list[Rates]:
        """Views of `stacked`."""
        return [row.unbind(0) for row in self.stacked[..., None, None]]

    @property
    def step_sizes(self) -> Array:
        """[K, S]"""
        return -self.table[:, 0].T


def needs(optimizer: Optimizer) -> tuple[bool, bool, bool]:
    """What a step of this optimizer takes that another's of the same name may not: clipping,
    momentum, decay. Stacks of members that need the same are the fastest."""
    momentum = getattr(optimizer, "momentum", 0.0)
    return optimizer.clip_grad_norm is not None, momentum > 0, optimizer.weight_decay > 0


def learning_rates(members: Sequence[Member], first_step: int, steps: int) -> Array:
    """[S, K]"""
    rates: Array = np.array([m.spec.learning_rates(first_step, steps) for m in members]).T
    return rates


class OptimizerKernel:
    """Updates parameters in place from gradients; remembers nothing outside `State.moments`.

    What one member does without (decay, momentum) and another of the stack does not is taken out
    by a mask, for 0 times infinity would be NaN: so a member that diverges, too, has the numbers
    that it has alone."""

    moment_names: tuple[str, ...] = ()

    def __init__(
        self, specs: Sequence[Any], shapes: Shapes, device: torch.device, scratch: Scratch
    ) -> None:
        self.specs: Sequence[Any] = specs
        self.shapes, self.device, self.scratch = shapes, device, scratch
        optimizers: Sequence[Optimizer] = specs
        decays = [spec.weight_decay for spec in optimizers]
        self.decays = any(decays)
        self.weight_decay = self.stack(decays)
        self._undecayed = self.absent(decays)
        self._zero = torch.zeros((), dtype=shapes.work, device=device)
        self.prepare()

    def stack(self, values: Sequence[float]) -> Tensor:
        return per_member(values, self.shapes.work, self.device)

    def absent(self, values: Sequence[float]) -> Tensor | None:
        """[K, 1, 1], marks the members whose value is 0; None where all are, or none is."""
        if all(values) or not any(values):
            return None
        return per_member([value == 0 for value in values], torch.bool, self.device)

    def prepare(self) -> None:
        """Stacks the constants of the members' optimizers."""

    def remember(self, state: State) -> None:
        """Adds what this optimizer keeps between steps, at its start: zeros."""
        for name in self.moment_names:
            state.add_moment(name, self.shapes.work)

    def plan(self, first_step: int, rates: Array) -> Plan:
        """For the steps from `first_step`, counted from 1, with learning rates [S, K]."""
        table = self.table(first_step, rates)
        stacked = torch.from_numpy(table).to(self.shapes.work).to(self.device)
        return Plan(table=table, stacked=stacked)

    def table(self, first_step: int, rates: Array) -> Array:
        """[S, n, K] of these steps."""
        return np.ascontiguousarray(-rates[:, None])

    def update(
        self, place: int, parameter: Tensor, gradient: Tensor, state: State, rates: Rates
    ) -> Tensor:
        """Moves one parameter and returns its direction: the step was rates[0] * direction.
        Where nothing is added the direction is `gradient` itself, which may be overwritten."""
        if self.decays:
            self.decay(gradient, parameter, self.weight_decay)
        direction = self.direction(place, gradient, state, rates)
        parameter.addcmul_(direction, rates[0])
        return direction

    def decay(self, direction: Tensor, parameter: Tensor, share: Tensor) -> None:
        """Adds the member's share of the parameter."""
        if self._undecayed is not None:
            place = self.scratch(0, parameter)
            parameter = torch.where(self._undecayed, self._zero, parameter, out=place)
        direction.addcmul_(parameter, share)

    def direction(self, place: int, gradient: Tensor, state: State, rates: Rates) -> Tensor:
        raise NotImplementedError


class Sgd(OptimizerKernel):
    """b = momentum b + g; the direction is b, or g + momentum b with Nesterov's look ahead."""

    def prepare(self) -> None:
        momenta = [spec.momentum for spec in self.specs]
        self.momentum, self._still = self.stack(momenta), self.absent(momenta)
        self.nesterov = any(spec.nesterov for spec in self.specs)
        if any(momenta):
            self.moment_names = ("momentum",)

    def direction(self, place: int, gradient: Tensor, state: State, rates: Rates) -> Tensor:
        if not self.moment_names:
            return gradient
        velocity = state.moments["momentum"][place]
        if self._still is not None:
            velocity.masked_fill_(self._still, 0.0)
        velocity.mul_(self.momentum).add_(gradient)
        return gradient.addcmul_(velocity, self.momentum) if self.nesterov else velocity


class Adam(OptimizerKernel):
    """m = β1 m + (1 - β1) g, v = β2 v + (1 - β2) g²; at step t the direction is
    m / (sqrt(v / (1 - β2^t)) + eps) and the step size rate / (1 - β1^t). Kingma and Ba 2015.

    An eps that is 0 in the working precision is replaced by its smallest normal number: 0 / 0
    would make units without gradient, and the padding, NaN."""

    moment_names = ("mean", "square")

    def prepare(self) -> None:
        smallest = torch.finfo(self.shapes.work).tiny
        self.beta1 = self.stack([spec.beta1 for spec in self.specs])
        self.beta2 = self.stack([spec.beta2 for spec in self.specs])
        self.rest1 = self.stack([1 - spec.beta1 for spec in self.specs])
        self.rest2 = self.stack([1 - spec.beta2 for spec in self.specs])
        self.eps = self.stack([max(spec.eps, smallest) for spec in self.specs])

    def table(self, first_step: int, rates: Array) -> Array:
        """Minus the step size, and 1 / sqrt(1 - β2^t). Computed with Python's numbers, member by
        member: vectorised powers round differently for few and for many members."""
        steps = enumerate(rates.tolist(), first_step)
        return np.array([self._numbers(t, of_members) for t, of_members in steps])

    def _numbers(self, t: int, rates: list[float]) -> list[list[float]]:
        pairs = list(zip(self.specs, rates, strict=True))
        return [
            [-rate / (1 - spec.beta1**t) for spec, rate in pairs],
            [(1 - spec.beta2**t) ** -0.5 for spec in self.specs],
        ]

    def direction(self, place: int, gradient: Tensor, state: State, rates: Rates) -> Tensor:
        mean, square = state.moments["mean"][place], state.moments["square"][place]
        mean.mul_(self.beta1).addcmul_(gradient, self.rest1)
        square.mul_(self.beta2).addcmul_(gradient.mul_(gradient), self.rest2)
        size = torch.sqrt(square, out=gradient).mul_(rates[1]).add_(self.eps)
        return torch.div(mean, size, out=gradient)


class AdamW(Adam):
    """Adam without the penalty in its gradient; each step takes rate * weight_decay of every
    parameter off it. The direction, whose size is rate / (1 - β1^t), therefore has
    weight_decay (1 - β1^t) of the parameter added. Loshchilov and Hutter 2019."""

    def _numbers(self, t: int, rates: list[float]) -> list[list[float]]:
        decay = [spec.weight_decay * (1 - spec.beta1**t) for spec in self.specs]
        return [*super()._numbers(t, rates), decay]

    def update(
        self, place: int, parameter: Tensor, gradient: Tensor, state: State, rates: Rates
    ) -> Tensor:
        direction = self.direction(place, gradient, state, rates)
        if self.decays:
            self.decay(direction, parameter, rates[2])
        parameter.addcmul_(direction, rates[0])
        return direction


class RmsProp(OptimizerKernel):
    """v = alpha v + (1 - alpha) g²; the direction is g / (sqrt(v) + eps), or with momentum
    b = momentum b + that. Tieleman and Hinton 2012; eps as in Adam."""

    def prepare(self) -> None:
        smallest = torch.finfo(self.shapes.work).tiny
        momenta = [spec.momentum for spec in self.specs]
        self.momentum, self._still = self.stack(momenta), self.absent(momenta)
        self.alpha = self.stack([spec.alpha for spec in self.specs])
        self.rest = self.stack([1 - spec.alpha for spec in self.specs])
        self.eps = self.stack([max(spec.eps, smallest) for spec in self.specs])
        self.moment_names = ("square", "momentum") if any(momenta) else ("square",)

    def direction(self, place: int, gradient: Tensor, state: State, rates: Rates) -> Tensor:
        square = state.moments["square"][place]
        size = torch.mul(gradient, gradient, out=self.scratch(1, gradient))
        square.mul_(self.alpha).addcmul_(size, self.rest)
        gradient.div_(torch.sqrt(square, out=size).add_(self.eps))
        if "momentum" not in self.moment_names:
            return gradient
        velocity = state.moments["momentum"][place]
        if self._still is not None:
            velocity.masked_fill_(self._still, 0.0)
        return velocity.mul_(self.momentum).add_(gradient)


OPTIMIZERS: dict[str, type[OptimizerKernel]] = {
    "sgd": Sgd,
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RmsProp,
}
