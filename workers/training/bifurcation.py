"""The bifurcation zone of a network: how often a random draw of its weights is one for which the
conventions 0 and 1 give other gradients.

A draw lies in the zone if the gradient of the first layer's weights differs in any bit between the
two conventions, on any mini-batch of one pass over the training part, in its fixed order. Without
an exact zero among the pre-activations of a batch no convention is ever asked for, so both passes
are the same program on the same numbers: backward passes are spent only where a zero was met, and
on draws that are not known to lie in the zone already. Zeros are counted over the whole pass.

The first draw is the job's own initial weights; the others follow from its seed.

Source: Bertoin, Bolte, Gerchinovitz and Pauwels, "Numerical influence of ReLU'(0) on
backpropagation", NeurIPS 2021.

Legend: K members, G draws at a time, R rows of a batch (padded), L hidden layers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from workers.training.arrays import Array, to_host
from workers.training.buffers import HiddenBuffers
from workers.training.chunk import Setting
from workers.training.cohort import Member
from workers.training.losses import LossKernel, loss_kernel
from workers.training.network import Network, Workspace
from workers.training.randomness import stream_seed
from workers.training.state import initial_state
from workers.training.step import BatchBuffers

CONVENTIONS = (0.0, 1.0)

_BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}
"""Integers as wide as a number of so many bytes."""


@dataclass(frozen=True)
class _Draw:
    row: int
    """Of the member that it is a draw of."""
    member: Member


class Bifurcation:
    """Counts for K members, all of which ask for as many draws."""

    def __init__(
        self, members: Sequence[Member], setting: Setting, workspace: Workspace, *, at_a_time: int
    ) -> None:
        self._setting, self._workspace, self._at_a_time = setting, workspace, at_a_time
        draws = members[0].spec.probes.bifurcation_draws
        self._draws = [
            _Draw(row, _drawn(member, i))
            for row, member in enumerate(members)
            for i in range(draws)
        ]
        K, L = len(members), len(setting.shapes.hidden)
        self.differing: Array = np.zeros((K, 1))
        """Draws in the zone."""
        self.zeros: Array = np.zeros((K, L))
        """Pre-activations that are exactly 0, over all draws."""

    def run(self) -> Iterator[None]:
        """Yields after each mini-batch, so that the caller may stop there."""
        for first in range(0, len(self._draws), self._at_a_time):
            draws = self._draws[first : first + self._at_a_time]
            stacked = [draw.member for draw in draws]
            if self._setting.device.type != "cpu":  # where a stack's size is part of the numbers
                stacked += stacked[:1] * (self._at_a_time - len(draws))
            group = _Group(stacked, self._setting, self._workspace)
            yield from group.run()
            differs, zeros = to_host(group.differs), to_host(group.zeros)
            for place, draw in enumerate(draws):
                self.differing[draw.row] += differs[place]
                self.zeros[draw.row] += zeros[:, place]

    def readings(self) -> dict[str, Array]:
        """[K, Q] each."""
        return {"bifurcation_differing": self.differing, "bifurcation_zeros": self.zeros}


def _drawn(member: Member, index: int) -> Member:
    """The member with another seed for its weights; the first draw keeps its own."""
    seed = stream_seed(member.spec.seed, "draw", index) if index else member.spec.seed
    return replace(member, spec=member.spec.model_copy(update={"seed": seed}))


class _Group:
    """G draws as one stack. Two networks look at the same weights: they differ in the convention
    of their activations alone."""

    def __init__(self, draws: Sequence[Member], setting: Setting, workspace: Workspace) -> None:
        self._setting, shapes, device = setting, setting.shapes, setting.device
        state = initial_state(draws, shapes, device)
        self._networks = [
            Network([_with(a, draw) for draw in draws], shapes, state, workspace)
            for a in CONVENTIONS
        ]
        sizes = {
            setting.batches.batch: setting.batches.rows,
            setting.batches.last: setting.batches.last_rows,
        }
        self._batches = {
            real: BatchBuffers(self._networks[0], setting.train, rows, real)
            for real, rows in sizes.items()
        }
        losses = [draw.spec.loss for draw in draws]
        self._loss: LossKernel = loss_kernel(losses, shapes, device, workspace.scratch)
        G, L = len(draws), len(shapes.hidden)
        self.differs = torch.zeros(G, dtype=torch.bool, device=device)
        self.zeros = torch.zeros(L, G, dtype=torch.float64, device=device)

    def run(self) -> Iterator[None]:
        batches = self._setting.batches
        for first in range(0, batches.count, batches.batch):
            real = min(batches.batch, batches.count - first)
            self._pass(self._batches[real], first, real)
            yield None

    def _pass(self, batch: BatchBuffers, first: int, real: int) -> None:
        network = self._networks[0]
        rows = torch.full((batch.x.shape[1],), batch.padding_row, dtype=torch.int32)
        rows[:real] = torch.arange(first, first + real, dtype=torch.int32)
        batch.gather(rows.repeat(network.K).to(network.device))
        met = torch.zeros_like(self.differs)

        def at_z(i: int, layer: HiddenBuffers) -> None:
            layer.chosen_zeros = network.chosen_zeros(i, layer)
            if layer.chosen_zeros is not None:
                counts = (layer.chosen_zeros & (layer.is_real != 0)).sum((1, 2))
                self.zeros[i] += counts
                met.logical_or_(counts > 0)

        out = network.forward(batch.x, batch.buffers, at_z)
        if bool((met & ~self.differs).any()):
            self._loss.step(out, batch.target, batch.weights, batch.buffers.gradients[-1].g)
            self.differs |= self._gradients_differ(batch)

    def _gradients_differ(self, batch: BatchBuffers) -> Tensor:
        """[G]: whether the two conventions leave any bit of the first layer's gradient apart."""
        passing = batch.buffers.gradients[-1].g
        arriving = passing.clone()
        gradients = []
        for network in self._networks:
            passing.copy_(arriving)
            gradient = network.workspace.gradient(network)
            network.backward(batch.x, batch.buffers, gradient, _unheard, _unheard)
            gradients.append(gradient.stored[0].clone())
        one, other = (g.view(_BITS[g.element_size()]).flatten(1) for g in gradients)
        return (one != other).any(1)


def _with(convention: float, member: Member) -> Member:
    activation = member.spec.activation.model_copy(update={"derivative_at_zero": convention})
    return replace(member, spec=member.spec.model_copy(update={"activation": activation}))


def _unheard(*_: object) -> None:
    """Nobody watches these backward passes."""
