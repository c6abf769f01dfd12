"""The back end of stacked PyTorch: the members of a chunk are one tensor program, on any device and
in any precision.

Legend: K members, U units of a hidden layer.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from workers.training.activations import UnitCounts
from workers.training.arrays import Array, transfer
from workers.training.bifurcation import Bifurcation
from workers.training.chunk import BackEnd, Chunk, ChunkMaker, Setting
from workers.training.cohort import Member
from workers.training.device import free_bytes
from workers.training.evaluation import Evaluator, PassSums, Slice, UnitProbes, slices
from workers.training.network import Workspace
from workers.training.probes import RankSamples, norms_of
from workers.training.readings import EpochFindings, PassFindings, Readings, judge
from workers.training.state import State
from workers.training.step import Stepper

CACHE_BYTES = 16 << 20
GPU_BYTES = 1 << 30
GPU_SHARE = 4
"""A stack gets one part in so many of a GPU's free memory: the passes over the data and PyTorch's
own workspaces need as much again, and other processes may train there too."""


class StackedTorch(BackEnd):
    """Serves every spec."""

    name = "stacked-torch"

    def __init__(self, free_bytes: Callable[[torch.device], int] = free_bytes) -> None:
        """`free_bytes`: what a GPU has left."""
        self._free_bytes = free_bytes

    def lane(self, setting: Setting) -> ChunkMaker:
        workspace, fast = Workspace(), self.chunk_size(setting)
        return lambda members, state: StackedChunk(members, setting, state, workspace, fast)

    def chunk_size(self, setting: Setting) -> int:
        """As many as keep parameters, gradients and activations within the cache, or on a GPU
        within a part of the free memory; between 1 and 128."""
        shapes, batches = setting.shapes, setting.batches
        sides = zip(shapes.padded_fan_ins, shapes.padded_widths[1:], strict=True)
        parameters, features = sum(i * o for i, o in sides), shapes.padded_widths[0]
        per_example = 3 * sum(shapes.computed) + features + 2 * sum(shapes.gathered)
        values = 2 * parameters + batches.rows * per_example
        size = values * torch.finfo(shapes.work).bits // 8
        fits = max(1, min(128, self._budget(setting.device) // size))
        return 1 << (fits.bit_length() - 1)

    def _budget(self, device: torch.device) -> int:
        if device.type == "cpu":
            return CACHE_BYTES
        return min(GPU_BYTES, self._free_bytes(device) // GPU_SHARE)


class StackedChunk(Chunk):
    """K members that train as one stack."""

    def __init__(
        self,
        members: Sequence[Member],
        setting: Setting,
        state: State,
        workspace: Workspace,
        fast: int,
    ) -> None:
        """`fast`: how many networks at a time are."""
        super().__init__(members, setting, state)
        self._workspace, self._fast = workspace, fast
        shapes = setting.shapes
        whole = Slice(self.members, state, shapes, workspace)
        self._network = whole.network
        pieces = slices(self.members, state, shapes, workspace)
        self._train = Evaluator(pieces, setting.train, shapes, workspace)
        self._validation = Evaluator(pieces, setting.validation, shapes, workspace)
        self._stepper = Stepper(
            self.members,
            whole,
            state=state,
            train=setting.train,
            batches=setting.batches,
        )
        self._ranks = RankSamples(len(members), setting.train.count, shapes, setting.device)

    def keep(self, rows: Sequence[int]) -> "StackedChunk":
        members = [self.members[row] for row in rows]
        state = self.state.select(rows)
        return StackedChunk(members, self.setting, state, self._workspace, self._fast)

    def run_epoch(self, epoch: int) -> Iterator[Readings | None]:
        """Yields None after each step and each block of a pass."""
        stepper = self._stepper
        stepper.start_epoch(epoch)
        if epoch > 0:
            yield from self.train_epoch(epoch)
        probes = UnitProbes(self._ranks)
        train, validation = PassSums(), PassSums()
        yield from self._train.run(train, probes)
        yield from self._validation.run(validation)
        found = self._findings(self._transfer(probes, train, validation))
        readings = judge(
            found,
            stepper.measures,
            step=self.state.step,
            tau=self.tau,
            learning_rates=self.last_rates() if epoch else None,
        )
        if epoch == 0:
            yield from self._look_at_the_start(readings)
        yield readings

    def _look_at_the_start(self, readings: Readings) -> Iterator[None]:
        yield from self.look_at_the_start(readings)
        if self.members[0].spec.probes.bifurcation_draws:
            zone = Bifurcation(self.members, self.setting, self._workspace, at_a_time=self._fast)
            yield from zone.run()
            readings.values.update(zone.readings())

    def train_epoch(self, epoch: int) -> Iterator[None]:
        setting, stepper = self.setting, self._stepper
        for order in setting.batches.order(self.members, epoch, setting.device):
            plan = stepper.plan(order)
            for s, (rows, real) in enumerate(zip(order.rows, order.real, strict=True)):
                stepper.step(s, rows, real, plan.rates[s])
                yield None
            stepper.fold(plan)

    def _transfer(
        self, probes: UnitProbes, train: PassSums, validation: PassSums
    ) -> dict[str, Array]:
        """Everything that the epoch left on the device, in one transfer."""
        left = train.tensors("train") | validation.tensors("validation")
        left |= probes.ranks.eigenvalues()
        for i, tally in enumerate(probes.tallies):
            left |= {f"{name}/{i}": sums for name, sums in tally.sums().items()}
        return transfer(left)

    def _findings(self, found: dict[str, Array]) -> EpochFindings:
        def of_part(name: str) -> PassFindings:
            return PassFindings(
                part=getattr(self.setting, name),
                losses=found[f"{name}_loss"][:, 0],
                scores=found[f"{name}_score"][:, 0],
            )

        shapes = self.setting.shapes
        hidden = shapes.hidden
        return EpochFindings(
            train=of_part("train"),
            validation=of_part("validation"),
            units=[self._unit_counts(found, i, units) for i, units in enumerate(hidden)],
            eigenvalues=[found[f"eigenvalues/{i}"] for i in range(len(hidden))],
            positions=shapes.positions[: len(hidden)],
            weight_norms=norms_of([p.to(shapes.work) for p in self.state.parameters], shapes),
            of_weights=self.of_weights(),
        )

    def _unit_counts(self, found: dict[str, Array], i: int, units: int) -> UnitCounts:
        sums = {
            name.removesuffix(f"/{i}"): np.ascontiguousarray(values[:, :units])
            for name, values in found.items()
            if name.endswith(f"/{i}") and not name.startswith("eigenvalues")
        }
        examples = self.setting.train.count * self.setting.shapes.positions[i]
        return self._network.kernels[i].judge(sums, examples)
