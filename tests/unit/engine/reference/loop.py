"""The loop: one member, step by step, everything measured as it goes.

Legend: N examples of the training part, B of a batch, U units of a hidden layer, C outputs.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from service.domain.metrics import EpochMetrics, LayerMetrics
from service.domain.spec import JobSpec
from tests.unit.engine.reference.functions import given, loss_kink_hits, loss_of
from tests.unit.engine.reference.network import DTYPES, Pass, PlainNetwork
from tests.unit.engine.reference.quantities import (
    RANK_SAMPLE,
    all_zeros,
    dormant,
    effective_rank,
    fraction,
    largest_of,
    last_of,
    linear_optimum,
    mean_of,
    norm,
    ratio,
)
from tests.unit.engine.torch_optimizers import TorchSchedule, torch_optimizer
from workers.training.data import Part, load
from workers.training.randomness import stream


@dataclass(frozen=True, kw_only=True)
class PlainEpoch:
    """What the engine's EpochEvent has to say."""

    step: int
    metrics: EpochMetrics
    layers: list[LayerMetrics]
    activity: list[list[float]]
    dead: list[list[bool]]


@dataclass(frozen=True, kw_only=True)
class PlainRun:
    epochs: list[PlainEpoch]
    diverged_at: int | None


ASKED_FOR = (
    "bifurcation_differing",
    "bifurcation_zeros",
    "activation_forward_s",
    "activation_backward_s",
    "relu_forward_s",
    "relu_backward_s",
    "linear_regions",
)
"""Columns of probes that a spec has to ask for; each has a reference of its own."""


class Steps:
    """An epoch's steps, as they are taken and measured."""

    def __init__(self, layers: int) -> None:
        self.grad_norms: list[float] = []
        self.layer_grad_norms: list[list[float]] = [[] for _ in range(layers)]
        self.update_ratios: list[list[float]] = [[] for _ in range(layers)]
        self.kink_hits = [0] * layers
        self.kink_effective = [0] * layers
        self.first_effective: list[int | None] = [None] * layers
        self.loss_kink_hits = 0
        self.first_loss_kink: int | None = None


class PlainTraining:
    """The loop."""

    def __init__(self, spec: JobSpec) -> None:
        data, dtype = load(spec), DTYPES[spec.precision]
        self.spec, self.network = spec, PlainNetwork(spec)
        self.train, self.validation = _tensors(data.train, dtype), _tensors(data.validation, dtype)
        self.layers = len(spec.layer_widths) - 2
        self.step = 0
        self.diverged_at: int | None = None
        self.optimizer = torch_optimizer(spec, self.network.parameters)
        self.schedule = TorchSchedule(spec, self.optimizer)
        self.rate: float | None = None
        self.optimum = linear_optimum(spec, *self.train)

    def run(self) -> PlainRun:
        epochs: list[PlainEpoch] = []
        for epoch in range(self.spec.epochs + 1):
            epochs.append(self._run_epoch(epoch))
            if self.diverged_at is not None:
                break
        return PlainRun(epochs=epochs, diverged_at=self.diverged_at)

    def _run_epoch(self, epoch: int) -> PlainEpoch:
        steps = Steps(self.layers)
        if epoch > 0:
            x, target = self.train
            order = torch.randperm(
                len(x), generator=stream(self.spec.seed, "order", epoch), dtype=torch.int32
            )
            for batch in torch.split(order.long(), self.spec.batch_size):
                self._step(x[batch], target[batch], steps)
        return self._evaluate(epoch, steps)

    def _step(self, x: Tensor, target: Tensor, steps: Steps) -> None:
        self.step += 1
        done = self.network.forward(x, is_training=True)
        for h in done.h:
            h.retain_grad()
        loss = loss_of(self.spec.loss, done.out, target)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._count_kinks(done, target, steps)
        before = [[p.detach().clone() for p in self.network.layer(i)] for i in range(self.layers)]
        total = self._gradient_norms(steps)
        self._note_unless_finite(loss.item(), total)
        bound = self.spec.optimizer.clip_grad_norm
        if bound is not None:
            torch.nn.utils.clip_grad_norm_(self.network.parameters, bound, foreach=False)
        self.rate = float(self.optimizer.param_groups[0]["lr"])
        self.optimizer.step()
        self.schedule.step()
        for i, old in enumerate(before):
            new = self.network.layer(i)
            moved = norm([b - a for a, b in zip(old, new, strict=True)])
            steps.update_ratios[i].append(ratio(moved, norm(old)))
        self._note_unless_finite(norm(self.network.parameters))

    def _count_kinks(self, done: Pass, target: Tensor, steps: Steps) -> None:
        for i, (z, h) in enumerate(zip(done.z, done.h, strict=True)):
            upstream = given(h.grad)
            for kink in self.spec.activation.kinks:
                steps.kink_hits[i] += int((z == kink).sum())
                is_written = kink == 0 and self.spec.activation.overwrites_gradient
                effective = int(((z == kink) & ((upstream != 0) | is_written)).sum())
                steps.kink_effective[i] += effective
                if effective and steps.first_effective[i] is None:
                    steps.first_effective[i] = self.step
        of_loss = loss_kink_hits(self.spec.loss, done.out.detach(), target)
        steps.loss_kink_hits += of_loss
        if of_loss and steps.first_loss_kink is None:
            steps.first_loss_kink = self.step

    def _gradient_norms(self, steps: Steps) -> float:
        for i in range(self.layers):
            gradients = [given(parameter.grad) for parameter in self.network.layer(i)]
            steps.layer_grad_norms[i].append(norm(gradients))
        total = norm([given(parameter.grad) for parameter in self.network.parameters])
        steps.grad_norms.append(total)
        return total

    def _note_unless_finite(self, *numbers: float) -> None:
        if self.diverged_at is None and not all(map(math.isfinite, numbers)):
            self.diverged_at = self.step

    @torch.no_grad()
    def _evaluate(self, epoch: int, steps: Steps) -> PlainEpoch:
        done = self.network.forward(self.train[0])
        train_loss, train_metric = self._judge(done.out, self.train[1])
        validation_loss, validation_metric = self._judge(
            self.network.forward(self.validation[0]).out, self.validation[1]
        )
        self._note_unless_finite(train_loss or 0.0, norm(self.network.parameters))
        slopes = self.network.derivatives(done)
        layers = [self._layer(epoch, i, done, slopes[i], steps) for i in range(self.layers)]
        was_trained = epoch > 0
        return PlainEpoch(
            step=self.step,
            metrics=EpochMetrics(
                **dict.fromkeys(ASKED_FOR),
                epoch=epoch,
                train_loss=train_loss,
                train_metric=train_metric,
                validation_loss=validation_loss,
                validation_metric=validation_metric,
                learning_rate=self.rate,
                grad_norm_mean=mean_of(steps.grad_norms),
                grad_norm_max=largest_of(steps.grad_norms),
                grad_norm_last=last_of(steps.grad_norms),
                dead_fraction=fraction([(one.dead, one.units) for one in layers]),
                dormant_fraction=fraction([(one.dormant, one.units) for one in layers]),
                saturated_fraction=fraction([(one.saturated, one.units) for one in layers]),
                sparsity=all_zeros(done.h),
                kink_hits=sum(steps.kink_hits) if was_trained else None,
                kink_effective=sum(steps.kink_effective) if was_trained else None,
                loss_kink_hits=steps.loss_kink_hits if was_trained else None,
                # Upstream of a residual is its weight in the mean, 1 / (n C): never 0.
                loss_kink_effective=steps.loss_kink_hits if was_trained else None,
                first_effective_step=min(
                    (s for s in [*steps.first_effective, steps.first_loss_kink] if s is not None),
                    default=None,
                ),
                seconds=None,
                optimality_gap=None if self.optimum is None else self._gap(train_loss),
                weight_distance=None if self.optimum is None else self._distance(),
            ),
            layers=layers,
            activity=[h.double().abs().mean(0).tolist() for h in done.h],
            dead=[(slope == 0).all(0).tolist() for slope in slopes],
        )

    def _gap(self, loss: float | None) -> float | None:
        least = 0.0 if self.optimum is None else self.optimum[0]
        return None if loss is None else (loss - least) / least

    def _distance(self) -> float:
        ours = torch.cat([self.network.weights[0], self.network.biases[0][None]])
        assert self.optimum is not None
        return float(torch.linalg.vector_norm(ours.double() - self.optimum[1]))

    def _judge(self, out: Tensor, target: Tensor) -> tuple[float | None, float | None]:
        """Loss and metric of a part; None where it is empty. R² of constant targets is None."""
        if not len(out):
            return None, None
        loss = loss_of(self.spec.loss, out, target).item()
        if self.spec.dataset.task == "classification":
            answer = out.argmax(1) if out.shape[1] > 1 else (out[:, 0] > 0).long()
            hits = (answer == target).double().mean().item()
            return loss, math.nan if math.isnan(loss) else hits
        spread = ((target.double() - target.double().mean(0)) ** 2).sum().item()
        rest = ((out.double() - target.double()) ** 2).sum().item()
        if spread == 0:
            return loss, math.nan if math.isnan(loss) else None
        return loss, 1 - rest / spread

    def _layer(self, epoch: int, i: int, done: Pass, slope: Tensor, steps: Steps) -> LayerMetrics:
        h, units = done.h[i], done.h[i].shape[1]
        is_known, was_trained = not bool(h.isnan().any()), epoch > 0
        is_dead = (slope == 0).all(0)
        is_flat = (slope.abs() < 1e-3).sum(0) * 100 >= 99 * len(h)
        mean = h.double().abs().mean(0)
        return LayerMetrics(
            bifurcation_zeros=None,
            epoch=epoch,
            layer=i,
            units=units,
            dead=int(is_dead.sum()) if is_known else None,
            dormant=dormant(mean, self.spec.probes.dormant_tau),
            saturated=int((is_flat & ~is_dead).sum()) if is_known else None,
            sparsity=(h == 0).double().mean().item() if is_known else None,
            kink_hits=steps.kink_hits[i] if was_trained else None,
            kink_effective=steps.kink_effective[i] if was_trained else None,
            first_effective_step=steps.first_effective[i],
            grad_norm_mean=mean_of(steps.layer_grad_norms[i]),
            grad_norm_max=largest_of(steps.layer_grad_norms[i]),
            grad_norm_last=last_of(steps.layer_grad_norms[i]),
            update_ratio=mean_of(steps.update_ratios[i]),
            weight_norm=norm(self.network.layer(i)),
            effective_rank=effective_rank(h[: RANK_SAMPLE * self.network.sizes[i].positions]),
        )


def _tensors(part: Part, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    target = torch.from_numpy(part.targets)
    if target.is_floating_point():
        target = target.to(dtype)
    return torch.from_numpy(part.features).to(dtype), target


def plain_run(spec: JobSpec) -> PlainRun:
    """The run of one spec."""
    return PlainTraining(spec).run()
