"""One optimizer step of K members, in the order in which it happens, and what is measured of it.

Legend: K members, R rows of the batch (padded), F features, C outputs, S steps of a block.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from workers.training.arrays import to_host
from workers.training.buffers import HiddenBuffers
from workers.training.cohort import Member
from workers.training.evaluation import Slice
from workers.training.losses import RowWeights
from workers.training.network import Network
from workers.training.optimizers import OPTIMIZERS, Plan, Rates, learning_rates
from workers.training.probes import ActivationKinks, ParameterNorms
from workers.training.stacking import per_member
from workers.training.state import State
from workers.training.step_log import StepLog, StepMeasures
from workers.training.tensors import Batches, OrderBlock, PartTensors


class BatchBuffers:
    """A batch of `real` examples in R rows, and all that a step on it computes in."""

    def __init__(self, network: Network, train: PartTensors, rows: int, real: int) -> None:
        self.x = torch.zeros(
            network.K, rows, train.x.shape[1], dtype=train.x.dtype, device=network.device
        )
        self.target = torch.zeros(
            network.K,
            rows,
            train.target.shape[1],
            dtype=train.target.dtype,
            device=network.device,
        )
        self.weights = RowWeights(rows, real, network.shapes, network.device)
        self.buffers = network.workspace.buffers(network, rows, real, backward=True)
        self._train = train
        self.padding_row = train.count
        """An example of zeros."""
        self._x_rows = self.x.view(-1, self.x.shape[2])
        self._target_rows = self.target.view(-1, self.target.shape[2])

    def gather(self, rows: Tensor) -> None:
        """Fills in the examples of each member, `rows` [K * R]."""
        torch.index_select(self._train.x, 0, rows, out=self._x_rows)
        torch.index_select(self._train.target, 0, rows, out=self._target_rows)


class Stepper:
    """Steps of a chunk. Logs what it measures and folds it after each block of steps."""

    def __init__(
        self,
        members: Sequence[Member],
        whole: Slice,
        *,
        state: State,
        train: PartTensors,
        batches: Batches,
    ) -> None:
        network = whole.network
        self._members, self._network, self._loss, self._state = members, network, whole.loss, state
        self._shapes, device, K = network.shapes, network.device, network.K
        sizes = {batches.batch: batches.rows, batches.last: batches.last_rows}
        self._batches = {
            real: BatchBuffers(network, train, rows, real) for real, rows in sizes.items()
        }
        optimizers = [member.spec.optimizer for member in members]
        self._optimizer = OPTIMIZERS[optimizers[0].name](
            optimizers, self._shapes, device, network.workspace.scratch
        )
        self._optimizer.remember(state)
        bounds = [spec.clip_grad_norm for spec in optimizers]
        self._clips = any(bound is not None for bound in bounds)
        finite = [bound or math.inf for bound in bounds]
        self._clip_bound = per_member(finite, self._shapes.work, device)
        self._unclipped = per_member([b is None for b in bounds], torch.bool, device)
        self._work = (
            [torch.zeros_like(p, dtype=self._shapes.work) for p in state.parameters]
            if self._shapes.is_mixed
            else state.parameters
        )
        self._parameters = state.parameters
        self._gradient = network.workspace.gradient(network)
        self._flat_gradient = self._flat(self._gradient.parameters)
        self._flat_work = self._flat(self._work)
        self._prepare_probes(K, batches, device)

    def _prepare_probes(self, K: int, batches: Batches, device: torch.device) -> None:
        S, shapes = batches.block_steps, self._shapes

        def norms() -> ParameterNorms:
            return ParameterNorms(K, S, shapes, device)

        self._gradient_norms, self._weight_norms = norms(), norms()
        # Plain gradient descent moves along the gradient, whose norm is known.
        plain = not (self._optimizer.moment_names or self._optimizer.decays)
        self._moves_along_gradient = plain and not self._clips
        self._direction_norms = self._gradient_norms if self._moves_along_gradient else norms()
        largest = batches.rows * shapes.largest
        self._kinks = ActivationKinks(K, S, len(shapes.hidden), largest, device)
        kernels = self._network.kernels
        self._has_kinks = [bool(kernel.kink_points) for kernel in kernels]
        self.measures = StepMeasures(K, kernels[0].has_kinks if kernels else np.ones(K))
        self._losses = torch.zeros(S, K, dtype=shapes.work, device=device)
        self._loss_rows = self._losses.unbind(0)
        self._loss_kinks = torch.zeros(S, K, dtype=shapes.work, device=device)
        self._loss_kink_rows = self._loss_kinks.unbind(0)

    def start_epoch(self, epoch: int) -> None:
        """Forgets the last epoch's measurements."""
        self.measures.start()
        self._generators = self._network.generators(self._members, epoch)

    def plan(self, order: OrderBlock) -> Plan:
        """The numbers of the block's steps."""
        first, steps = self._state.step + 1, len(order.real)
        return self._optimizer.plan(first, learning_rates(self._members, first, steps))

    def step(self, s: int, rows: Tensor, real: int, rates: Rates) -> None:
        """Step `s` of the block: gather, forward, loss, backward, update."""
        self._s = s
        batch, network = self._batches[real], self._network
        batch.gather(rows)
        self._may_be_hit = False
        out = network.forward(batch.x, batch.buffers, self._at_z)
        g = batch.buffers.gradients[-1].g
        self._loss_rows[s].copy_(self._loss.step(out, batch.target, batch.weights, g))
        if self._loss.has_kink:
            self._loss_kink_rows[s].copy_(self._loss.kink_hits())
        self._meet_kinks(batch)
        self._rates = rates
        if self._shapes.is_mixed:
            for work, parameter in zip(self._work, self._parameters, strict=True):
                work.copy_(parameter)
        network.backward(
            batch.x, batch.buffers, self._gradient, self._at_upstream, self._at_gradient
        )
        for place in range(self._shapes.layers, len(self._parameters)):
            self._at_gradient(place)
        if self._clips:
            self._clip()
        if self._shapes.is_mixed:
            for work, parameter in zip(self._work, self._parameters, strict=True):
                parameter.copy_(work)

    def advance(self, steps: int) -> None:
        """So many more were taken."""
        self._state.step += steps

    def _at_z(self, i: int, layer: HiddenBuffers) -> None:
        network = self._network
        network.kernels[i].draw(layer.z, self._generators)
        if self._has_kinks[i] and network.may_hit(i, layer, layer.z):
            self._may_be_hit = True
            self._kinks.count(self._s, i, network.kinks(i, layer, layer.z))

    def _meet_kinks(self, batch: BatchBuffers) -> None:
        """On a CPU one look at the counts saves the work on kinks where none was hit, which is
        nearly always; on a GPU the host would have to wait for it."""
        network = self._network
        self._was_hit = self._may_be_hit and (not network.may_look or self._kinks.was_hit(self._s))
        self._batch = batch
        for i, (kernel, layer) in enumerate(
            zip(network.kernels, batch.buffers.hidden, strict=True)
        ):
            layer.chosen_zeros = None
            if self._was_hit and kernel.has_conventions:
                z = network.recall_z(i, batch.x, batch.buffers)
                layer.chosen_zeros = network.mark_chosen(i, layer, z)

    def _at_upstream(self, i: int, upstream: Tensor) -> None:
        if self._was_hit and self._has_kinks[i]:
            batch, network = self._batch, self._network
            z = network.recall_z(i, batch.x, batch.buffers)
            layer = batch.buffers.hidden[i]
            heard = network.kernels[i].heard(upstream, layer.chosen_zeros)
            self._kinks.count_effective(self._s, i, network.kinks(i, layer, z), heard)

    def _at_gradient(self, place: int) -> None:
        """One parameter has its gradient: measure both, and update."""
        self._gradient_norms.record(self._s, place, self._flat_gradient[place])
        self._weight_norms.record(self._s, place, self._flat_work[place])
        if not self._clips:
            self._update(place, self._gradient.parameters[place])

    def _clip(self) -> None:
        """As torch.nn.utils.clip_grad_norm_: the bound is on the norm over all layers, so all
        gradients must be known before the first update. Members without a bound have factor 1,
        whatever their norm."""
        norm = self._gradient_norms.global_norm(self._s)
        factor = (self._clip_bound / (norm + 1e-6)).clamp_max_(1.0)
        factor.masked_fill_(self._unclipped, 1.0)
        for place, gradient in enumerate(self._gradient.parameters):
            self._update(place, gradient.mul_(factor))

    def _update(self, place: int, gradient: Tensor) -> None:
        direction = self._optimizer.update(
            place, self._work[place], gradient, self._state, self._rates
        )
        if not self._moves_along_gradient:
            shape = self._flat_work[place].shape
            self._direction_norms.record(self._s, place, direction.view(shape))

    def fold(self, plan: Plan) -> None:
        """Takes the block's log into the epoch's measurements. Waits for the device."""
        steps = len(plan.table)
        gradients = self._gradient_norms.read(steps)
        directions = gradients if self._moves_along_gradient else self._direction_norms.read(steps)
        log = StepLog(
            losses=to_host(self._losses[:steps]).T,
            gradients=gradients,
            weights=self._weight_norms.read(steps),
            directions=directions,
            step_sizes=plan.step_sizes,
            kinks=self._kinks.read(steps),
            loss_kinks=to_host(self._loss_kinks[:steps]).T,
        )
        self.measures.fold(self._state.step - steps, log)

    def _flat(self, parameters: Sequence[Tensor]) -> list[Tensor]:
        """Weights as [K, D_in D_out]; all else, in the places after them, as it is."""
        layers = self._shapes.layers
        weights = [weight.view(weight.shape[0], -1) for weight in parameters[:layers]]
        return [*weights, *parameters[layers:]]
