"""Some members of a cohort, as many as a stack is fast for, and their life epoch by epoch.

Legend: K members, L hidden layers, U units of a hidden layer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from workers.training.cohort import Member
from workers.training.evaluation import Evaluator, PassResult, Slice, UnitProbes, slices
from workers.training.network import Workspace
from workers.training.probes import (
    count_dead,
    count_dormant,
    count_saturated,
    count_zeros,
    eigenvalues,
    mark_dead,
)
from workers.training.readings import Readings, transfer
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
    workspace: Workspace


class Chunk:
    """K members that train as one stack."""

    def __init__(self, members: Sequence[Member], setting: Setting, state: State) -> None:
        self.members, self.state = list(members), state
        self._setting = setting
        shapes, device = setting.shapes, setting.device
        whole = Slice(self.members, state, shapes, setting.workspace)
        self._network = whole.network
        pieces = slices(self.members, state, shapes, setting.workspace)
        self._train = Evaluator(pieces, setting.train, shapes, setting.workspace)
        self._validation = Evaluator(pieces, setting.validation, shapes, setting.workspace)
        self._stepper = Stepper(
            self.members,
            whole,
            state=state,
            train=setting.train,
            batches=setting.batches,
        )
        self._tau = torch.tensor(
            [member.spec.probes.dormant_tau for member in members],
            dtype=torch.float64,
            device=device,
        )
        self._rates = [member.spec.optimizer.learning_rate for member in members]

    def keep(self, rows: Sequence[int]) -> "Chunk":
        """A smaller chunk that goes on with some of the members."""
        members = [self.members[row] for row in rows]
        return Chunk(members, self._setting, self.state.select(rows))

    def run_epoch(self, epoch: int) -> Iterator[Readings | None]:
        """Trains an epoch (none for epoch 0) and evaluates it. Yields None after each step and
        each block of a pass, so that the caller may stop in between; the readings at the end."""
        self._stepper.start_epoch(epoch)
        if epoch > 0:
            yield from self._train_epoch(epoch)
        probes = UnitProbes(len(self._setting.shapes.hidden))
        results: list[PassResult] = []
        for evaluator, watching in ((self._train, probes), (self._validation, None)):
            for result in evaluator.run(watching):
                if result is None:
                    yield None
                else:
                    results.append(result)
        yield transfer(self._measure(probes, *results), self._rates if epoch else None)

    def _train_epoch(self, epoch: int) -> Iterator[None]:
        setting, stepper = self._setting, self._stepper
        for order in setting.batches.order(self.members, epoch, setting.device):
            plan = stepper.plan(order)
            for s, (rows, real) in enumerate(zip(order.rows, order.real, strict=True)):
                stepper.step(s, rows, real, plan.rates[s])
                yield None
            stepper.fold(plan)

    def _measure(
        self, probes: UnitProbes, train: PassResult, validation: PassResult
    ) -> dict[str, Tensor]:
        """Everything that the epoch measured, [K, …] each, still on the device."""
        stepper, hidden = self._stepper, self._setting.shapes.hidden
        norms = stepper.weight_norms()
        stepper.divergence.check(self.state.step, norms, train.loss)
        measured = {
            "train_loss": train.loss,
            "train_metric": train.metric,
            "validation_loss": validation.loss,
            "validation_metric": validation.metric,
            "diverged_at": stepper.divergence.first,
            "weight_norm": norms[:, :-1],
            **stepper.readings(),
        }
        if hidden:
            measured |= eigenvalues([sample.gram for sample in probes.samples])
        for i, (tally, units) in enumerate(zip(probes.tallies, hidden, strict=True)):
            layer = tally.judge(self._network.kernels[i])
            measured[f"dead/{i}"] = count_dead(layer, units)
            measured[f"dormant/{i}"] = count_dormant(layer, units, self._tau)
            measured[f"saturated/{i}"] = count_saturated(layer, units)
            measured[f"zeros/{i}"] = count_zeros(layer, units)
            measured[f"unit_activity/{i}"] = layer.mean_activity[:, :units]
            measured[f"unit_dead/{i}"] = mark_dead(layer, units)
        return measured


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


CACHE_BYTES = 6 << 20
GPU_BYTES = 1 << 30
