"""A pass over a part of the data with the weights as they are: loss, metric, and, over the
training part, what its units do.

The members of a chunk are taken in slices, so that what one operation leaves in the cache is
still there for the next; slices, like chunks, have no influence on the numbers. Blocks and
segments of rows do (sums are taken one by one), and are cut by the spec alone.

Legend: K members of a slice, N examples, R rows of a block or segment (padded), F features,
C outputs, U units.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from workers.training.buffers import HiddenBuffers
from workers.training.cohort import Member
from workers.training.exactness import padded
from workers.training.losses import LossKernel, RowWeights, loss_kernel
from workers.training.network import Buffers, Network, Workspace
from workers.training.probes import SAMPLE, RankSamples, UnitTally
from workers.training.shapes import Shapes
from workers.training.state import State
from workers.training.tensors import PartTensors

BLOCK_ROWS = 512
"""Rows that pass through the network at a time: examples, times positions if there are many."""
_SEGMENT_VALUES = 1 << 20
_SLICE_BYTES = 1 << 20


def block_examples(shapes: Shapes) -> int:
    """Examples that pass through the network at a time: no fewer than the probes' sample."""
    blocks = BLOCK_ROWS // max(shapes.positions) // SAMPLE
    return max(1, blocks) * SAMPLE


class PassSums:
    """The sums of a pass, slice by slice of members."""

    def __init__(self) -> None:
        self._losses: list[Tensor] = []
        self._scores: list[Tensor] = []

    def add(self, loss: Tensor, score: Tensor) -> None:
        """[K] each in float64: sums over the examples."""
        self._losses.append(loss)
        self._scores.append(score)

    def tensors(self, name: str) -> dict[str, Tensor]:
        return {f"{name}_loss": torch.cat(self._losses), f"{name}_score": torch.cat(self._scores)}


class UnitProbes:
    """What follows the pass over the training part, for all members of the chunk."""

    def __init__(self, ranks: RankSamples) -> None:
        self.ranks = ranks
        self.tallies = [UnitTally() for _ in ranks.grams]


class Slice:
    """Some members of a chunk: a network that looks at their rows of the state."""

    def __init__(
        self,
        members: Sequence[Member],
        state: State,
        shapes: Shapes,
        workspace: Workspace,
        *,
        first: int = 0,
    ) -> None:
        """`first`: the place of the first of them in the chunk."""
        self.first, device = first, state.values.device
        self.network = Network(members, shapes, state, workspace)
        losses = [member.spec.loss for member in members]
        self.loss: LossKernel = loss_kernel(losses, shapes, device, workspace.scratch)


def slices(
    members: Sequence[Member], state: State, shapes: Shapes, workspace: Workspace
) -> list[Slice]:
    """The chunk in pieces whose widest layer fills half of a core's cache, at most."""
    bytes_each = block_examples(shapes) * shapes.largest * torch.finfo(shapes.work).bits // 8
    fits = _SLICE_BYTES // bytes_each if state.values.device.type == "cpu" else len(members)
    size = max(1, fits)
    return [
        Slice(
            members[first : first + size],
            state.view(first, first + size),
            shapes,
            workspace,
            first=first,
        )
        for first in range(0, len(members), size)
    ]


class Evaluator:
    """Passes over one part."""

    def __init__(
        self, slices: Sequence[Slice], part: PartTensors, shapes: Shapes, workspace: Workspace
    ) -> None:
        self._slices, self._part, self._shapes, self._workspace = slices, part, shapes, workspace
        per_segment = max(1, _SEGMENT_VALUES // (BLOCK_ROWS * shapes.padded_widths[-1]))
        step = per_segment * BLOCK_ROWS
        self._block = block_examples(shapes)
        self._segments = [
            (first, min(step, part.count - first)) for first in range(0, part.count, step)
        ]
        self._weights = {
            real: RowWeights(padded(real, shapes.tile), real, shapes, part.x.device)
            for _, real in self._segments
        }

    def run(self, sums: PassSums, probes: UnitProbes | None = None) -> Iterator[None]:
        """Fills in the sums, and what `probes` see. Yields after each block, so that the caller
        may stop there."""
        for piece in self._slices:
            for kernel in piece.network.kernels:
                kernel.settle()
            loss = torch.zeros(piece.network.K, dtype=torch.float64, device=piece.network.device)
            score = torch.zeros_like(loss)
            for first, real in self._segments:
                yield from self._run_segment(piece, first, real, probes, (loss, score))
            sums.add(loss, score)
            for tally in probes.tallies if probes else ():
                tally.end_slice()

    def _run_segment(
        self,
        piece: Slice,
        first: int,
        real: int,
        probes: UnitProbes | None,
        totals: tuple[Tensor, Tensor],
    ) -> Iterator[None]:
        K, weights = piece.network.K, self._weights[real]
        rows = weights.is_row.shape[1]
        outputs = self._workspace.outputs(piece.network, rows)
        for start in range(first, first + real, self._block):
            count = min(self._block, first + real - start)
            out = self._forward(piece, start, count, probes)
            outputs[:, start - first : start - first + out.shape[1]] = out
            yield None
        target = self._part.target[None, first : first + rows].expand(K, -1, -1)
        loss, score = totals
        score += piece.loss.score(outputs, target, weights)
        loss += piece.loss.total(outputs, target, weights)

    def _forward(self, piece: Slice, start: int, real: int, probes: UnitProbes | None) -> Tensor:
        network, rows = piece.network, padded(real, self._shapes.tile)
        x = self._part.x[None, start : start + rows].expand(network.K, -1, -1)
        buffers: Buffers = self._workspace.buffers(network, rows, real, backward=False)
        if probes is None:
            return network.forward(x, buffers)

        def at_z(i: int, layer: HiddenBuffers) -> None:
            layer.chosen_zeros = network.chosen_zeros(i, layer)

        def at_h(i: int, layer: HiddenBuffers) -> None:
            kernel = network.kernels[i]
            probes.tallies[i].add(kernel.tally(layer.z, layer.h, layer.chosen_zeros, layer.real))
            if start == 0:
                probes.ranks.take(i, piece.first, layer.h)

        return network.forward(x, buffers, at_z, at_h)
