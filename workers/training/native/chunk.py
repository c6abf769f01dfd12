"""Members that train one after the other, each in the kernel.

Legend: K members, L hidden layers, L + 1 layers with weights, S steps of a block, N examples,
F features, U units.
"""

import ctypes
import weakref
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from workers.training.activations import UnitCounts
from workers.training.arrays import Array
from workers.training.chunk import BackEnd, Chunk, ChunkMaker, Setting
from workers.training.cohort import Member
from workers.training.native.interface import Found, Library, MemberRecord, PartRecord, Steps
from workers.training.native.program import member_record, program
from workers.training.optimizers import OPTIMIZERS, OptimizerKernel, learning_rates
from workers.training.probes import RankSamples, norms_of
from workers.training.readings import EpochFindings, PassFindings, Readings, judge
from workers.training.stacking import Scratch
from workers.training.state import State
from workers.training.step_log import StepLog, StepMeasures
from workers.training.tensors import PartTensors

PANEL = 64
"""Examples that the kernel takes through the network at a time."""
_CHUNK = 32
_CALL_FLOPS = 2e9
"""Work of one call: some 20 to 60 ms. Nobody waits long for a stop, nor often for Python's lock."""


class NativeKernel(BackEnd):
    """Serves what `can_train` says, on a CPU."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self.name = f"native ({library.target})"

    def lane(self, setting: Setting) -> ChunkMaker:
        parts = {
            "train": PanelledPart(setting.train),
            "validation": PanelledPart(setting.validation),
        }
        return lambda members, state: NativeChunk(members, setting, state, self._library, parts)

    def chunk_size(self, setting: Setting) -> int:
        """A member at a time is fast; in larger chunks Python judges more members at once."""
        return _CHUNK


class PanelledPart:
    """A part of the data as the kernel reads it: whole, and cut into panels."""

    def __init__(self, part: PartTensors) -> None:
        features = part.x.shape[1]
        self.panels = -(-part.count // PANEL)
        x = torch.zeros(self.panels * PANEL, features, dtype=part.x.dtype)
        x[: part.count] = part.x[: part.count]
        self._transposed = x.view(-1, PANEL, features).transpose(1, 2).contiguous()
        self._part = part
        has_labels = not part.target.is_floating_point()
        self.record = PartRecord(
            x=part.x.data_ptr(),
            panels=self._transposed.data_ptr(),
            labels=part.target.data_ptr() if has_labels else None,
            targets=None if has_labels else part.target.data_ptr(),
            count=part.count,
        )


class NativeChunk(Chunk):
    """K members, trained one after the other."""

    def __init__(
        self,
        members: Sequence[Member],
        setting: Setting,
        state: State,
        library: Library,
        parts: dict[str, PanelledPart],
    ) -> None:
        super().__init__(members, setting, state)
        self._library, self._parts = library, parts
        shapes, specs = setting.shapes, [member.spec for member in members]
        optimizers = [spec.optimizer for spec in specs]
        self._optimizer: OptimizerKernel = OPTIMIZERS[optimizers[0].name](
            optimizers, shapes, setting.device, Scratch()
        )
        self._optimizer.remember(state)
        numbers = self._optimizer.table(1, np.zeros((1, len(members)))).shape[1]
        self._program = program(specs[0], shapes, self._optimizer, rates=numbers)
        self._bench = _open(library, self, shapes.storage == torch.float64)
        K = len(members)
        self._records = (MemberRecord * K)(*(self._record(k) for k in range(K)))
        self._measures = StepMeasures(len(members), np.ones(len(members)))
        self._ranks = RankSamples(len(members), setting.train.count, shapes, setting.device)
        self._unit_sums = [
            np.zeros((len(members), 4, width)) for width in shapes.padded_widths[1:-1]
        ]
        self._sums = {name: np.zeros((len(members), 2)) for name in parts}
        self._found = {
            name: (Found * K)(*(self._findings_of(k, name) for k in range(K))) for name in parts
        }
        flops = 2 * sum(i * o for i, o in pairwise(shapes.widths))
        self._steps_a_call = max(1, int(_CALL_FLOPS / (3 * flops * setting.batches.batch)))
        self._panels_a_call = max(1, int(_CALL_FLOPS / (flops * PANEL)))

    def keep(self, rows: Sequence[int]) -> "NativeChunk":
        members = [self.members[row] for row in rows]
        state = self.state.select(rows)
        return NativeChunk(members, self.setting, state, self._library, self._parts)

    def _record(self, k: int) -> MemberRecord:
        state, names = self.state, self._optimizer.moment_names
        return member_record(
            self.members[k].spec,
            [weight[k].data_ptr() for weight in state.weights],
            state.values[k].data_ptr(),
            [moment[k].data_ptr() for name in names for moment in state.moments[name]],
        )

    def _findings_of(self, k: int, name: str) -> Found:
        """Where member k's pass over a part leaves what it finds."""
        sums = self._sums[name][k].ctypes.data
        if name != "train":
            return Found(sums=sums)
        grams: list[Tensor] = self._ranks.grams
        pointers = ctypes.c_void_p * len(grams)
        return Found(
            sums=sums,
            units=pointers(*(units[k].ctypes.data for units in self._unit_sums)),
            grams=pointers(*(gram[k].data_ptr() for gram in grams)),
            gram_sizes=(ctypes.c_int32 * len(grams))(*(gram.shape[1] for gram in grams)),
        )

    def run_epoch(self, epoch: int) -> Iterator[Readings | None]:
        """Yields None after each call of the kernel, which is for one member or several."""
        self._measures.start()
        if epoch > 0:
            yield from self.train_epoch(epoch)
        for name in self._parts:
            yield from self.evaluate(name)
        readings = judge(
            self._findings(),
            self._measures,
            step=self.state.step,
            tau=self.tau,
            learning_rates=self.last_rates() if epoch else None,
        )
        if epoch == 0:
            yield from self.look_at_the_start(self.members, readings)
        yield readings

    def train_epoch(self, epoch: int) -> Iterator[None]:
        batches = self.setting.batches
        orders = batches.permutations(self.members, epoch)
        for first in range(0, batches.steps, batches.block_steps):
            steps = min(batches.block_steps, batches.steps - first)
            step = self.state.step + 1
            plan = self._optimizer.plan(step, learning_rates(self.members, step, steps))
            rates = np.ascontiguousarray(plan.table.transpose(2, 0, 1))
            width = self._library.log_width(self._program.layers)
            log = np.empty((len(self.members), steps, width))
            examples = orders[:, first * batches.batch :]
            for k, some, s, count in _calls(len(self.members), steps, self._steps_a_call):
                seen = slice(s * batches.batch, (s + count) * batches.batch)
                self._library.train(
                    self._bench,
                    self._records[k],
                    self._parts["train"].record,
                    Steps(
                        members=some,
                        rows=examples[k, seen].data_ptr(),
                        rows_apart=examples.stride(0),
                        count=len(examples[k, seen]),
                        rates=rates[k, s].ctypes.data,
                        rates_apart=rates[0].size,
                        log=log[k, s].ctypes.data,
                        log_apart=log[0].size,
                        batch=batches.batch,
                    ),
                )
                yield None
            self._fold(log, plan.step_sizes)

    def _fold(self, log: Array, step_sizes: Array) -> None:
        """`log` [K, S, W] as the kernel's trainer.h lays it out."""
        layers = self._program.layers
        loss, loss_kinks, *rest = np.split(
            log.transpose(2, 0, 1), np.cumsum([1, 1, layers, layers, layers, layers - 1])
        )
        gradients, weights, directions = (
            np.sqrt(np.ascontiguousarray(squares.transpose(1, 0, 2))) for squares in rest[:3]
        )
        step_log = StepLog(
            losses=loss[0],
            gradients=gradients,
            weights=weights,
            directions=directions,
            step_sizes=step_sizes,
            kinks=np.stack([counts.transpose(1, 0, 2) for counts in rest[3:]]),
            loss_kinks=loss_kinks[0],
        )
        self._measures.fold(self.state.step, step_log)
        self.state.step += log.shape[1]

    def evaluate(self, name: str) -> Iterator[None]:
        part = self._parts[name]
        self._sums[name].fill(0.0)
        if name == "train":
            for units in self._unit_sums:
                units.fill(0.0)
        for k, some, first, count in _calls(len(self.members), part.panels, self._panels_a_call):
            self._library.evaluate(
                self._bench,
                self._records[k],
                some,
                part.record,
                first,
                first + count,
                self._found[name][k],
            )
            yield None

    def _findings(self) -> EpochFindings:
        def of_part(name: str) -> PassFindings:
            losses, scores = self._sums[name].T
            return PassFindings(part=getattr(self.setting, name), losses=losses, scores=scores)

        hidden = self.setting.shapes.hidden
        return EpochFindings(
            train=of_part("train"),
            validation=of_part("validation"),
            units=[
                _unit_counts(sums, units)
                for sums, units in zip(self._unit_sums, hidden, strict=True)
            ],
            eigenvalues=self._ranks.eigenvalues(len(self.members)),
            positions=[1] * len(hidden),
            weight_norms=norms_of(self.state.parameters, self.setting.shapes),
            of_weights=self.of_weights(),
        )


def _calls(K: int, size: int, most: int) -> Iterator[tuple[int, int, int, int]]:
    """Cuts `size` pieces of work for each of K members into calls of about `most`: the first
    member and how many, the first piece and how many."""
    some = max(1, most // max(1, size))
    for k in range(0, K, some):
        for first in range(0, size, most):
            yield k, min(some, K - k), first, min(most, size - first)


def _open(library: Library, chunk: NativeChunk, is_double: bool) -> int:
    """A bench for the chunk, closed with it."""
    bench: int | None = library.open(chunk._program, is_double)
    if bench is None:
        raise MemoryError("There is no memory for the kernel's buffers.")
    weakref.finalize(chunk, library.close, bench)
    return bench


def _unit_counts(sums: Array, units: int) -> UnitCounts:
    """From [K, 4, U padded]; copies, since the sums are used again."""
    passing, flat, zero, activity = sums[:, :, :units].transpose(1, 0, 2).copy()
    return UnitCounts(passing=passing, flat=flat, zero=zero, activity=activity)
