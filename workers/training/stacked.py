"""The back end of stacked PyTorch: the members of a chunk are one tensor program, on any device and
in any precision.

Legend: K members, U units of a hidden layer.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from workers.training.activations import UnitCounts
from workers.training.arrays import Array, transfer
from workers.training.bifurcation import Bifurcation
from workers.training.chunk import BackEnd, Chunk, ChunkMaker, Setting
from workers.training.cohort import Member
from workers.training.cuda_graphs import Recording, StepBlocks, records
from workers.training.device import free_bytes
from workers.training.evaluation import Evaluator, PassSums, Slice, UnitProbes, slices
from workers.training.filling import FilledChunk
from workers.training.network import Workspace
from workers.training.probes import RankSamples, norms_of
from workers.training.readings import EpochFindings, PassFindings, Readings, judge
from workers.training.state import State
from workers.training.step import Stepper

CACHE_BYTES = 16 << 20
GPU_BYTES = 256 << 20
GPU_MEMBERS = 64
"""As many as a cohort usually has (`SUBGRAD_COHORT_SIZE`)."""
GPU_SHARE = 4
"""A cohort's stacks get one part in so many of a GPU's free memory: the passes over the data and
PyTorch's own workspaces need as much again, and other processes may train there too."""


class StackedTorch(BackEnd):
    """Serves every spec."""

    name = "stacked-torch"

    def __init__(self, free_bytes: Callable[[torch.device], int] = free_bytes) -> None:
        """`free_bytes`: what a GPU has left."""
        self._free_bytes = free_bytes

    def lane(self, setting: Setting) -> ChunkMaker:
        workspace, size = Workspace(), self.chunk_size(setting)

        def stack(members: Sequence[Member], state: State, real: int) -> StackedChunk:
            places = Places(at_a_time=size, real=real)
            return StackedChunk(members, setting, state, workspace, places)

        if setting.device.type == "cpu":
            return lambda members, state: stack(members, state, len(members))
        return lambda members, state: FilledChunk(members, setting, state, stack, size)

    def chunk_size(self, setting: Setting) -> int:
        """As many as keep parameters, gradients and activations within the cache; on a GPU as many
        as it takes to keep it busy. A power of two, from the spec alone: on a GPU the number of
        stacked members is part of the numbers."""
        on_cpu = setting.device.type == "cpu"
        most, budget = (128, CACHE_BYTES) if on_cpu else (GPU_MEMBERS, GPU_BYTES)
        fits = max(1, min(most, budget // self._bytes_each(setting)))
        return 1 << (fits.bit_length() - 1)

    def room(self, setting: Setting) -> int | None:
        if setting.device.type == "cpu":
            return None
        size = self.chunk_size(setting)
        free = self._free_bytes(setting.device) // GPU_SHARE
        return max(1, free // (size * self._bytes_each(setting))) * size

    def _bytes_each(self, setting: Setting) -> int:
        """Of a member that trains."""
        shapes, batches = setting.shapes, setting.batches
        sides = zip(shapes.padded_fan_ins, shapes.padded_widths[1:], strict=True)
        parameters, features = sum(i * o for i, o in sides), shapes.padded_widths[0]
        per_example = 3 * sum(shapes.computed) + features + 2 * sum(shapes.gathered)
        values = 2 * parameters + batches.rows * per_example
        return values * torch.finfo(shapes.work).bits // 8


@dataclass(frozen=True, kw_only=True)
class Places:
    """Of a stack."""

    at_a_time: int
    """How many networks at a time are fast."""
    real: int
    """Members from that place on only fill the stack."""


class StackedChunk(Chunk):
    """K members that train as one stack."""

    def __init__(
        self,
        members: Sequence[Member],
        setting: Setting,
        state: State,
        workspace: Workspace,
        places: Places,
    ) -> None:
        super().__init__(members, setting, state)
        self._workspace, self._places = workspace, places
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
        self._left: dict[str, Tensor] = {}
        self._steps = StepBlocks(self._stepper, records=records(setting.device, self._network))
        self._recorded_passes = Recording()

    def keep(self, rows: Sequence[int]) -> "StackedChunk":
        members = [self.members[row] for row in rows]
        state = self.state.select(rows)
        places = replace(self._places, real=len(members))
        return StackedChunk(members, self.setting, state, self._workspace, places)

    def run_epoch(self, epoch: int) -> Iterator[Readings | None]:
        """Yields None after each step and each block of a pass."""
        stepper = self._stepper
        stepper.start_epoch(epoch)
        if epoch > 0:
            yield from self.train_epoch(epoch)
        yield from self._evaluate()
        found = self._findings(transfer(self._left))
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
        real = self.members[: self._places.real]
        yield from self.look_at_the_start(real, readings)
        if real[0].spec.probes.bifurcation_draws:
            zone = Bifurcation(
                real, self.setting, self._workspace, at_a_time=self._places.at_a_time
            )
            yield from zone.run()
            readings.values.update(zone.readings())

    def train_epoch(self, epoch: int) -> Iterator[None]:
        for order in self.setting.batches.order(self.members, epoch, self.setting.device):
            plan = self._stepper.plan(order)
            yield from self._steps.run(order, plan)
            self._stepper.fold(plan)

    def _passes(self) -> Iterator[None]:
        """Over both parts. Leaves what is measured on the device."""
        probes = UnitProbes(self._ranks)
        train, validation = PassSums(), PassSums()
        yield from self._train.run(train, probes)
        yield from self._validation.run(validation)
        self._left = train.tensors("train") | validation.tensors("validation")
        for i, tally in enumerate(probes.tallies):
            self._left |= {f"{name}/{i}": sums for name, sums in tally.sums().items()}

    def _evaluate(self) -> Iterator[None]:
        if self._steps.records:
            self._recorded_passes.run(lambda: deque(self._passes(), maxlen=0))
            yield None
        else:
            yield from self._passes()

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
            eigenvalues=self._ranks.eigenvalues(self._places.real, self.setting.threads),
            positions=shapes.positions[: len(hidden)],
            weight_norms=norms_of([p.to(shapes.work) for p in self.state.parameters], shapes),
            of_weights=self.of_weights(),
        )

    def _unit_counts(self, found: dict[str, Array], i: int, units: int) -> UnitCounts:
        sums = {
            name.removesuffix(f"/{i}"): np.ascontiguousarray(values[:, :units])
            for name, values in found.items()
            if name.endswith(f"/{i}")
        }
        examples = self.setting.train.count * self.setting.shapes.positions[i]
        return self._network.kernels[i].judge(sums, examples)
