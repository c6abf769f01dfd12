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

    steps: int
    rows: list[Tensor]
    """Per step [K * R]: which example each row of each member is; N for padding."""
    real: list[int]
    """Per step: examples of the batch."""


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
        orders = [
            torch.randperm(
                self.count,
                generator=stream(member.spec.seed, "order", epoch),
                dtype=torch.int32,
            )
            for member in members
        ]
        return torch.stack(orders)

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
        real = [self.batch] * steps
        if whole < steps:
            rows[-1, :, : self.last] = examples[:, whole * self.batch :]
            real[-1] = self.last
        rows = rows.to(device)
        cut = [row.view(-1) for row in rows]
        if whole < steps:
            cut[-1] = rows[-1, :, : self.last_rows].reshape(-1)
        return OrderBlock(steps=steps, rows=cut, real=real)
