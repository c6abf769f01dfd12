"""The data as padded tensors on the device, and the batches of an epoch in each member's order.

Legend: K members, N examples, F features, C outputs, R rows of a batch (padded), S steps.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workers.training.cohort import Member
from workers.training.data import Part
from workers.training.exactness import padded
from workers.training.randomness import stream
from workers.training.shapes import Shapes

_BLOCK_STEPS = 512
_BLOCK_ROWS = 32_768


@dataclass(frozen=True, kw_only=True)
class PartTensors:
    """One part of the data. Row N, and all after it, are padding: zeros."""

    x: Tensor
    """[N + padding, F], in the stored precision."""
    target: Tensor
    """[N + padding, 1] labels, or [N + padding, C] targets in the working precision."""
    count: int
    spread: float
    """Sum of squared deviations of the targets from their mean: the denominator of R²."""

    @classmethod
    def of(cls, part: Part, shapes: Shapes, device: torch.device) -> "PartTensors":
        rows = padded(part.count + 1, shapes.tile)
        x = torch.zeros(rows, shapes.padded_widths[0], dtype=shapes.storage)
        x[: part.count, : shapes.widths[0]] = torch.from_numpy(part.features)
        spread = 0.0
        if np.issubdtype(part.targets.dtype, np.integer):
            target = torch.zeros(rows, 1, dtype=torch.int64)
            target[: part.count, 0] = torch.from_numpy(part.targets)
        else:
            target = torch.zeros(rows, shapes.padded_widths[-1], dtype=shapes.work)
            target[: part.count, : shapes.outputs] = torch.from_numpy(part.targets)
            if part.count:
                spread = float(((part.targets - part.targets.mean(axis=0)) ** 2).sum())
        return cls(x=x.to(device), target=target.to(device), count=part.count, spread=spread)


@dataclass(frozen=True, kw_only=True)
class OrderBlock:
    """The order of some consecutive steps."""

    rows: Tensor
    """[S, K, R] in int32: which example each row of each member is; N for padding."""
    real: tuple[int, ...]
    """Per step: examples of the batch."""
    last_rows: int
    """R of the last step, whose batch may be the smaller one."""

    def by_step(self) -> list[Tensor]:
        """Per step [K * R]. Views of `rows`, but for a smaller batch."""
        cut = [row.view(-1) for row in self.rows]
        if self.last_rows < self.rows.shape[2]:
            cut[-1] = self.rows[-1, :, : self.last_rows].reshape(-1)
        return cut


class Batches:
    """The steps of an epoch: every example once, in the member's own order, the last batch the
    smaller one."""

    def __init__(self, count: int, batch_size: int, tile: int) -> None:
        self.count = count
        self.batch = min(batch_size, count)
        self.rows = padded(self.batch, tile)
        self.last = count - (self.steps - 1) * self.batch
        self.last_rows = padded(self.last, tile)
        # Blocks are cut by the spec alone: their length is part of the numbers.
        self.block_steps = max(1, min(self.steps, _BLOCK_STEPS, _BLOCK_ROWS // self.rows))

    @property
    def steps(self) -> int:
        return -(-self.count // self.batch)

    def permutations(self, members: Sequence[Member], epoch: int) -> Tensor:
        """[K, N] in int32: the examples in each member's order. Drawn on the CPU from each
        member's stream, so that it is the same on every device."""
        seeds = [member.spec.seed for member in members]
        drawn = {seed: self._permutation(seed, epoch) for seed in set(seeds)}
        return torch.stack([drawn[seed] for seed in seeds])

    def _permutation(self, seed: int, epoch: int) -> Tensor:
        generator = stream(seed, "order", epoch)
        return torch.randperm(self.count, generator=generator, dtype=torch.int32)

    def order(
        self, members: Sequence[Member], epoch: int, device: torch.device
    ) -> Iterator[OrderBlock]:
        """Block by block, padded for stacks."""
        permutations = self.permutations(members, epoch)
        for first in range(0, self.steps, self.block_steps):
            steps = min(self.block_steps, self.steps - first)
            yield self._block(permutations, first, steps, device)

    def _block(
        self, permutations: Tensor, first: int, steps: int, device: torch.device
    ) -> OrderBlock:
        K = len(permutations)
        rows = torch.full((steps, K, self.rows), self.count, dtype=torch.int32)
        examples = permutations[:, first * self.batch : (first + steps) * self.batch]
        whole = examples.shape[1] // self.batch
        full = examples[:, : whole * self.batch].view(K, whole, self.batch)
        rows[:whole, :, : self.batch] = full.transpose(0, 1)
        real, last_rows = [self.batch] * steps, self.rows
        if whole < steps:
            rows[-1, :, : self.last] = examples[:, whole * self.batch :]
            real[-1], last_rows = self.last, self.last_rows
        return OrderBlock(rows=rows.to(device), real=tuple(real), last_rows=last_rows)
