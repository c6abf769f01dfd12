"""The optimizers: one class each, as in `torch.optim`, with every constant a tensor over members.

Legend: K members; a parameter is [K, D_in, D_out] or [K, L + 1, V].
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from service.domain.spec import Optimizer
from workers.training.arrays import Array
from workers.training.shapes import Shapes
from workers.training.stacking import Scratch, per_member
from workers.training.state import State

Rates = tuple[Tensor, ...]
"""What a step multiplies with, [K, 1, 1] each. The first is minus the step size."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The rates of a block of steps."""

    table: Array
    """[S, n, K]: the n numbers of each step, the first of them minus the step size."""
    rates: Sequence[Rates]
    """The same per step, as tensors."""

    @property
    def step_sizes(self) -> Array:
        """[K, S]"""
        return -self.table[:, 0].T


class OptimizerKernel:
    """Updates parameters in place from gradients; remembers nothing outside `State.moments`."""

    moment_names: tuple[str, ...] = ()

    def __init__(
        self, specs: Sequence[Any], shapes: Shapes, device: torch.device, scratch: Scratch
    ) -> None:
        self.specs: Sequence[Any] = specs
        self.shapes, self.device, self.scratch = shapes, device, scratch
        optimizers: Sequence[Optimizer] = specs
        self.decays = any(spec.weight_decay > 0 for spec in optimizers)
        self.weight_decay = self.stack([spec.weight_decay for spec in optimizers])
        self.prepare()

    def stack(self, values: Sequence[float]) -> Tensor:
        return per_member(values, self.shapes.work, self.device)

    def prepare(self) -> None:
        """Stacks the constants of the members' optimizers."""

    def remember(self, state: State) -> None:
        """Adds what this optimizer keeps between steps, at its start: zeros."""
        for name in self.moment_names:
            state.add_moment(name, self.shapes.work)

    def plan(self, first_step: int, steps: int) -> Plan:
        """For each of `steps` steps, counted from 1."""
        raise NotImplementedError

    def update(
        self, place: int, parameter: Tensor, gradient: Tensor, state: State, rates: Rates
    ) -> Tensor:
        """Moves one parameter and returns its direction: the step was rates[0] * direction.
        Where nothing is added the direction is `gradient` itself, which may be overwritten."""
        if self.decays:
            gradient.addcmul_(parameter, self.weight_decay)
        direction = self.direction(place, gradient, state, rates)
        parameter.addcmul_(direction, rates[0])
        return direction

    def direction(self, place: int, gradient: Tensor, state: State, rates: Rates) -> Tensor:
        raise NotImplementedError


class Sgd(OptimizerKernel):
    """b = momentum b + g; the direction is b, or g + momentum b with Nesterov's look ahead."""

    def prepare(self) -> None:
        self.minus_rate = self.stack([-spec.learning_rate for spec in self.specs])
        self.momentum = self.stack([spec.momentum for spec in self.specs])
        self.nesterov = any(spec.nesterov for spec in self.specs)
        if any(spec.momentum > 0 for spec in self.specs):
            self.moment_names = ("momentum",)

    def plan(self, first_step: int, steps: int) -> Plan:
        table = np.array([[[-spec.learning_rate for spec in self.specs]]] * steps)
        return Plan(table=table, rates=[(self.minus_rate,)] * steps)

    def direction(self, place: int, gradient: Tensor, state: State, rates: Rates) -> Tensor:
        if not self.moment_names:
            return gradient
        velocity = state.moments["momentum"][place]
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

    def plan(self, first_step: int, steps: int) -> Plan:
        """Minus the step size, and 1 / sqrt(1 - β2^t). Computed with Python's numbers, member by
        member: torch.pow rounds differently for few and for many members."""
        rows = [
            [
                [-spec.learning_rate / (1 - spec.beta1**t) for spec in self.specs],
                [(1 - spec.beta2**t) ** -0.5 for spec in self.specs],
            ]
            for t in range(first_step, first_step + steps)
        ]
        table = np.array(rows)
        stacked = torch.from_numpy(table).to(self.shapes.work).to(self.device)
        rates = [(row[0], row[1]) for row in stacked[:, :, :, None, None]]
        return Plan(table=table, rates=rates)

    def direction(self, place: int, gradient: Tensor, state: State, rates: Rates) -> Tensor:
        mean, square = state.moments["mean"][place], state.moments["square"][place]
        mean.mul_(self.beta1).addcmul_(gradient, self.rest1)
        square.mul_(self.beta2).addcmul_(gradient.mul_(gradient), self.rest2)
        size = torch.sqrt(square, out=gradient).mul_(rates[1]).add_(self.eps)
        return torch.div(mean, size, out=gradient)


OPTIMIZERS: dict[str, type[OptimizerKernel]] = {"sgd": Sgd, "adam": Adam}
