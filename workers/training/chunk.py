"""Some members of a cohort, as many as a stack is fast for, and their life epoch by epoch.

Legend: K members, L hidden layers, U units of a hidden layer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from workers.training.arrays import Array, transfer
from workers.training.cohort import Member
from workers.training.evaluation import Evaluator, PassSums, Slice, UnitProbes, metric, slices
from workers.training.network import Workspace
from workers.training.probes import (
    JudgedLayer,
    RankSamples,
    count_dead,
    count_dormant,
    count_saturated,
    count_zeros,
    mark_dead,
)
from workers.training.readings import Readings
from workers.training.shapes import Shapes
from workers.training.state import State
from workers.training.step import Stepper
from workers.training.tensors import Batches, PartTensors


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all chunks of a cohort share."""

    shapes: Shapes
    train: PartTensors
    validation: PartTensors
    batches: Batches
    device: torch.device


class Chunk:
    """K members that train as one stack."""

    def __init__(
        self, members: Sequence[Member], setting: Setting, state: State, workspace: Workspace
    ) -> None:
        """Chunks that train by turns may share a workspace."""
        self.members, self.state = list(members), state
        self._setting, self._workspace = setting, workspace
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
        self._ranks = RankSamples(
            len(members), setting.train.count, shapes.padded_widths[1:-1], setting.device
        )
        self._tau = np.array([member.spec.probes.dormant_tau for member in members])
        self._rates = [member.spec.optimizer.learning_rate for member in members]

    def keep(self, rows: Sequence[int]) -> "Chunk":
        """A smaller chunk that goes on with some of the members."""
        members = [self.members[row] for row in rows]
        return Chunk(members, self._setting, self.state.select(rows), self._workspace)

    def run_epoch(self, epoch: int) -> Iterator[Readings | None]:
        """Trains an epoch (none for epoch 0) and evaluates it. Yields None after each step and
        each block of a pass, so that the caller may stop in between; the readings at the end."""
        stepper = self._stepper
        stepper.start_epoch(epoch)
        if epoch > 0:
            yield from self._train_epoch(epoch)
        probes = UnitProbes(self._ranks)
        train, validation = PassSums(), PassSums()
        yield from self._train.run(train, probes)
        yield from self._validation.run(validation)
        yield Readings(
            values=self._judge(self._transfer(probes, train, validation)),
            learning_rates=self._rates if epoch else None,
        )

    def _train_epoch(self, epoch: int) -> Iterator[None]:
        setting, stepper = self._setting, self._stepper
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
        left = {"loss_kink_hits": self._stepper.loss_kink_hits}
        left |= train.tensors("train") | validation.tensors("validation")
        left |= probes.ranks.eigenvalues()
        for i, tally in enumerate(probes.tallies):
            left |= {f"{name}/{i}": sums for name, sums in tally.sums().items()}
        return transfer(left)

    def _judge(self, found: dict[str, Array]) -> dict[str, Array]:
        """The quantities, [K, …] each, of what was measured."""
        stepper, setting = self._stepper, self._setting
        norms = stepper.weight_norms()
        measured = {"weight_norm": norms[:, :-1], **stepper.readings()}
        for name, part in (("train", setting.train), ("validation", setting.validation)):
            if part.count:
                measured[f"{name}_loss"] = found[f"{name}_loss"] / part.count
                measured[f"{name}_metric"] = metric(found, name, part)
        stepper.divergence.check(self.state.step, norms, found["train_loss"])
        measured["diverged_at"] = stepper.divergence.first[:, None]
        if "update_ratio" in measured:
            # What arrives at a residual is its weight in the mean, never 0: each hit is effective.
            measured["loss_kink_hits"] = measured["loss_kink_effective"] = found["loss_kink_hits"]
        for i, units in enumerate(setting.shapes.hidden):
            measured |= self._judge_layer(found, i, units)
        return measured

    def _judge_layer(self, found: dict[str, Array], i: int, units: int) -> dict[str, Array]:
        kernel = self._network.kernels[i]
        sums = {
            name.removesuffix(f"/{i}"): values
            for name, values in found.items()
            if name.endswith(f"/{i}") and not name.startswith("eigenvalues")
        }
        layer = JudgedLayer(kernel, sums, self._setting.train.count, units)
        return {
            f"dead/{i}": count_dead(layer)[:, None],
            f"dormant/{i}": count_dormant(layer, self._tau)[:, None],
            f"saturated/{i}": count_saturated(layer)[:, None],
            f"zeros/{i}": count_zeros(layer)[:, None],
            f"unit_activity/{i}": layer.mean_activity,
            f"unit_dead/{i}": mark_dead(layer).astype(np.float64),
            f"eigenvalues/{i}": found[f"eigenvalues/{i}"],
        }


def chunk_size(shapes: Shapes, batches: Batches, device: torch.device) -> int:
    """How many members a stack is fast for: as many as keep parameters, gradients and
    activations within the cache, between 1 and 128. Decided by the spec's shapes alone, and
    without influence on the numbers."""
    widths = shapes.padded_widths
    parameters = sum(i * o for i, o in pairwise(widths))
    values = 2 * parameters + batches.rows * (3 * sum(widths) + widths[0])
    size = values * torch.finfo(shapes.work).bits // 8
    budget = CACHE_BYTES if device.type == "cpu" else GPU_BYTES
    fits = max(1, min(128, budget // size))
    return 1 << (fits.bit_length() - 1)


CACHE_BYTES = 16 << 20
GPU_BYTES = 1 << 30
