"""A pass over a part of the data with the weights as they are: loss, metric, and, over the
training part, what its units do.

The members of a chunk are taken in slices, so that what one operation leaves in the cache is
still there for the next; slices, like chunks, have no influence on the numbers. Blocks and
segments of rows do (sums are taken one by one), and are cut by the spec alone.

Legend: K members of a slice, N examples, R rows of a block or segment (padded), F features,
C outputs, U units.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from workers.training.cohort import Member
from workers.training.exactness import padded
from workers.training.losses import LossKernel, RowWeights, loss_kernel
from workers.training.network import Buffers, HiddenBuffers, Network, Workspace
from workers.training.probes import RankSample, UnitTally
from workers.training.shapes import Shapes
from workers.training.state import State
from workers.training.tensors import PartTensors

BLOCK_ROWS = 512
"""Examples that pass through the network at a time."""
_SEGMENT_VALUES = 1 << 20
_SLICE_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class PassResult:
    """What a pass measured, [K] in float64."""

    loss: Tensor
    metric: Tensor


class UnitProbes:
    """What follows the pass over the training part, for all members of the chunk."""

    def __init__(self, layers: int) -> None:
        self.tallies = [UnitTally() for _ in range(layers)]
        self.samples = [RankSample() for _ in range(layers)]


class Slice:
    """Some members of a chunk: a network that looks at their rows of the state."""

    def __init__(
        self, members: Sequence[Member], state: State, shapes: Shapes, workspace: Workspace
    ) -> None:
        device = state.values.device
        self.network = Network(members, shapes, state, workspace)
        losses = [member.spec.loss for member in members]
        self.loss: LossKernel = loss_kernel(losses, shapes, device, workspace.scratch)


def slices(
    members: Sequence[Member], state: State, shapes: Shapes, workspace: Workspace
) -> list[Slice]:
    """The chunk in pieces whose widest layer fills half of a core's cache, at most."""
    bytes_each = BLOCK_ROWS * max(shapes.padded_widths) * torch.finfo(shapes.work).bits // 8
    fits = _SLICE_BYTES // bytes_each if state.values.device.type == "cpu" else len(members)
    size = max(1, fits)
    return [
        Slice(members[first : first + size], state.view(first, first + size), shapes, workspace)
        for first in range(0, len(members), size)
    ]


class Evaluator:
    """Passes over one part. Yields None after each block, so that the caller may stop there, and
    the result at the end."""

    def __init__(
        self, slices: Sequence[Slice], part: PartTensors, shapes: Shapes, workspace: Workspace
    ) -> None:
        self._slices, self._part, self._shapes, self._workspace = slices, part, shapes, workspace
        self._is_classification = not part.target.is_floating_point()
        per_segment = max(1, _SEGMENT_VALUES // (BLOCK_ROWS * shapes.padded_widths[-1]))
        step = per_segment * BLOCK_ROWS
        self._segments = [
            (first, min(step, part.count - first)) for first in range(0, part.count, step)
        ]
        self._weights = {
            real: RowWeights(padded(real, shapes.tile), real, shapes, part.x.device)
            for _, real in self._segments
        }

    def run(self, probes: UnitProbes | None = None) -> Iterator[PassResult | None]:
        """With `probes` given, they follow the pass."""
        losses: list[Tensor] = []
        scores: list[Tensor] = []
        for piece in self._slices:
            for kernel in piece.network.kernels:
                kernel.settle()
            loss = torch.zeros(piece.network.K, dtype=torch.float64, device=piece.network.device)
            score = torch.zeros_like(loss)
            for first, real in self._segments:
                yield from self._run_segment(piece, first, real, probes, (loss, score))
            losses.append(loss)
            scores.append(score)
            for watch in probes.tallies if probes else ():
                watch.end_slice()
        yield self._result(torch.cat(losses), torch.cat(scores))

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
        for start in range(first, first + real, BLOCK_ROWS):
            count = min(BLOCK_ROWS, first + real - start)
            out = self._forward(piece.network, start, count, probes)
            outputs[:, start - first : start - first + out.shape[1]] = out
            yield None
        target = self._part.target[None, first : first + rows].expand(K, -1, -1)
        loss, score = totals
        score += piece.loss.score(outputs, target, weights)
        loss += piece.loss.total(outputs, target, weights)

    def _forward(
        self, network: Network, start: int, real: int, probes: UnitProbes | None
    ) -> Tensor:
        rows = padded(real, self._shapes.tile)
        x = self._part.x[None, start : start + rows].expand(network.K, -1, -1)
        buffers: Buffers = self._workspace.buffers(network, rows, real, backward=False)
        if probes is None:
            return network.forward(x, buffers)

        def at_z(i: int, layer: HiddenBuffers) -> None:
            layer.chosen_zeros = network.chosen_zeros(i, layer)

        def at_h(i: int, layer: HiddenBuffers) -> None:
            kernel = network.kernels[i]
            probes.tallies[i].add(kernel.tally(layer.z, layer.h, layer.chosen_zeros, real), real)
            if start == 0:
                probes.samples[i].take(layer.h, real)

        return network.forward(x, buffers, at_z, at_h)

    def _result(self, loss: Tensor, score: Tensor) -> PassResult:
        count, spread = self._part.count, self._part.spread
        if count == 0:
            nothing = torch.full_like(loss, torch.nan)
            return PassResult(loss=nothing, metric=nothing)
        mean = loss / count
        if self._is_classification:
            metric = score / count
        else:
            metric = 1 - score / spread if spread > 0 else torch.full_like(score, torch.nan)
        # Whoever predicts NaN is not right about a class.
        return PassResult(loss=mean, metric=torch.where(mean.isnan(), torch.nan, metric))
