"""The reference: one network, one example of everything, PyTorch's autograd, no trick.

It takes from the engine only what no definition fixes: the arrays of the data set, the initial
weights and the order of the examples, each drawn from the member's seeded streams. Every number is
then computed by brute force from the definitions in the design, section 2.

PyTorch's own functions give value and derivative of an activation; a convention, where one is
chosen, replaces the derivative at exactly 0 and nothing else.

Legend: N examples of the training part, B of a batch, U units of a hidden layer, C outputs.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from sklearn.linear_model import LinearRegression, QuantileRegressor
from torch import Tensor
from torch.nn import functional

from service.domain.metrics import EpochMetrics, LayerMetrics
from service.domain.spec import JobSpec
from tests.unit.engine.torch_optimizers import TorchSchedule, torch_optimizer
from workers.training.data import Part, load
from workers.training.initialisation import initial_layer
from workers.training.randomness import stream

DTYPES = {"float64": torch.float64, "float32": torch.float32}
RANK_SAMPLE = 64
"""The engine's documented sample for the effective rank: the first examples."""

Function = Callable[[Tensor], Tensor]
POOLING: dict[str, Function] = {
    "none": lambda images: images,
    "average": lambda images: functional.avg_pool2d(images, 2),
    "max": lambda images: functional.max_pool2d(images, 2),
}


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


def activation_function(spec: Any, slope: Tensor | None) -> Function:
    """PyTorch's function; `slope` is prelu's learned one. A random slope is its mean."""
    functions: dict[str, Callable[[Tensor], Tensor]] = {
        "relu": functional.relu,
        "relu6": functional.relu6,
        "leaky_relu": lambda z: functional.leaky_relu(z, spec.negative_slope),
        "prelu": lambda z: functional.prelu(z, _given(slope)),
        "rrelu": lambda z: functional.rrelu(z, spec.lower, spec.upper, training=False),
        "elu": lambda z: functional.elu(z, spec.alpha),
        "selu": functional.selu,
        "celu": lambda z: functional.celu(z, spec.alpha),
        "gelu": functional.gelu,
        "silu": functional.silu,
        "mish": functional.mish,
        "softplus": lambda z: functional.softplus(z, spec.beta),
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "hardtanh": functional.hardtanh,
        "softsign": functional.softsign,
        "hardswish": functional.hardswish,
        "identity": lambda z: z * 1,
    }
    return functions[spec.name]


def _given(slope: Tensor | None) -> Tensor:
    assert slope is not None
    return slope


def derivative(function: Function, z: Tensor, convention: float | None) -> Tensor:
    """φ'(z) by autograd, and the convention, if any, where z is exactly 0."""
    with torch.enable_grad():
        leaf = z.detach().requires_grad_()
        (slope,) = torch.autograd.grad(function(leaf).sum(), leaf)
    return slope if convention is None else slope.masked_fill(z == 0, convention)


class WithConvention(torch.autograd.Function):
    """h = φ(z), whose gradient is the upstream gradient times φ'(z)."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, function: Function, convention: float | None) -> Tensor:
        ctx.save_for_backward(derivative(function, z, convention))
        return function(z.detach())

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None]:
        (slope,) = ctx.saved_tensors
        return upstream[0] * slope, None, None


class Overwriting(torch.autograd.Function):
    """h = φ(z), whose gradient is that of φ, but where z is 0 it is the convention itself,
    whatever arrives: as published code has it."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, function: Function, convention: float) -> Tensor:
        ctx.save_for_backward(z, derivative(function, z, None))
        ctx.convention = convention
        return function(z.detach())

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None]:
        z, slope = ctx.saved_tensors
        gradient = upstream[0] * slope
        gradient[z == 0] = ctx.convention
        return gradient, None, None


def apply_activation(spec: Any, z: Tensor, slope: Tensor | None) -> Tensor:
    """h; a learned slope gets its gradient from PyTorch's prelu, by adding 0."""
    function = activation_function(spec, None if slope is None else slope.detach())
    of = Overwriting if spec.overwrites_gradient else WithConvention
    h: Tensor = of.apply(z, function, spec.convention)  # type: ignore[no-untyped-call]
    if slope is None:
        return h
    learned = functional.prelu(z.detach(), slope)
    return h + (learned - learned.detach())


def kinked(term: Function, x: Tensor, convention: float) -> Tensor:
    values: Tensor = WithConvention.apply(x, term, convention)  # type: ignore[no-untyped-call]
    return values


def _pinball(q: float, residual: Tensor) -> Tensor:
    return torch.maximum(-q * residual, (1 - q) * residual)


def _against_the_rest(out: Tensor, labels: Tensor) -> Tensor:
    """1 for the label's output, else 0; a single output is that of class 1."""
    if out.shape[1] == 1:
        return labels[:, None].to(out.dtype)
    return functional.one_hot(labels, out.shape[1]).to(out.dtype)


def _slack(spec: Any, out: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Margin minus the label's output plus each, rounded in the engine's order; and which of
    them count: not the label's own."""
    slack = out - out.gather(1, target[:, None]) + spec.margin
    return slack, functional.one_hot(target, out.shape[1]) == 0


def _hinge(spec: Any, out: Tensor, target: Tensor) -> Tensor:
    slack, is_other = _slack(spec, out, target)
    hinges = kinked(functional.relu, slack, spec.convention)
    return torch.where(is_other, hinges, 0.0).sum(1).mean() / out.shape[1]


LOSSES: dict[str, Callable[[Any, Tensor, Tensor], Tensor]] = {
    "mse": lambda spec, out, target: functional.mse_loss(out, target),
    "mae": lambda spec, out, target: kinked(torch.abs, out - target, spec.convention).mean(),
    "huber": lambda spec, out, target: functional.huber_loss(out, target, delta=spec.delta),
    "smooth_l1": lambda spec, out, target: functional.smooth_l1_loss(out, target, beta=spec.beta),
    "quantile": lambda spec, out, target: kinked(
        partial(_pinball, spec.q), out - target, spec.convention
    ).mean(),
    "cross_entropy": lambda spec, out, target: functional.cross_entropy(out, target),
    "bce": lambda spec, out, target: functional.binary_cross_entropy_with_logits(
        out, _against_the_rest(out, target)
    ),
    "hinge": _hinge,
}


def loss_of(spec: Any, out: Tensor, target: Tensor) -> Tensor:
    """The mean over examples and outputs."""
    return LOSSES[spec.name](spec, out, target)


def loss_kink_hits(spec: Any, out: Tensor, target: Tensor) -> int:
    """How often the loss of a batch was exactly at its kink."""
    if spec.name in ("mae", "quantile"):
        return int((out == target).sum())
    if spec.name == "hinge":
        slack, is_other = _slack(spec, out, target)
        return int(((slack == 0) & is_other).sum())
    return 0


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


@dataclass(kw_only=True)
class Pass:
    """What a forward pass computed: one z and one h per hidden layer."""

    out: Tensor
    z: list[Tensor] = field(default_factory=list)
    h: list[Tensor] = field(default_factory=list)


class PlainNetwork:
    """Weights [D_in, D_out], biases [D_out], and prelu's slopes [1], one per hidden layer. What a
    convolution computes is kept as rows, one for each example and position."""

    def __init__(self, spec: JobSpec) -> None:
        self.spec, dtype = spec, DTYPES[spec.precision]
        self.normalization = spec.network.normalization
        init, self.sizes = spec.network.init, spec.layer_sizes
        layers = [
            initial_layer(
                init, size.fan_in, size.units, stream(spec.seed, "weights", i), window=size.window
            )
            for i, size in enumerate(self.sizes)
        ]
        self.weights = [weight.to(dtype) for weight, _ in layers]
        self.biases = [bias.to(dtype) for _, bias in layers]
        units = [size.units for size in self.sizes]
        self.slopes: list[Tensor | None] = [None for _ in units]
        if spec.activation.name == "prelu":
            start = torch.full((1,), spec.activation.init, dtype=dtype)
            self.slopes[:-1] = [start.clone() for _ in units[1:]]
        self.scales: list[Tensor | None] = [None for _ in units]
        if self.normalization != "none":
            self.scales[:-1] = [torch.ones(o, dtype=dtype) for o in units[:-1]]
        self.running = [
            (torch.zeros(o, dtype=dtype), torch.ones(o, dtype=dtype)) for o in units[:-1]
        ]
        for parameter in self.parameters:
            parameter.requires_grad_()

    def layer(self, i: int) -> list[Tensor]:
        """All that is learned in a layer."""
        optional = (self.scales[i], self.slopes[i])
        return [self.weights[i], self.biases[i], *(one for one in optional if one is not None)]

    @property
    def parameters(self) -> list[Tensor]:
        return [parameter for i in range(len(self.weights)) for parameter in self.layer(i)]

    def forward(self, x: Tensor, *, is_training: bool = False) -> Pass:
        done = Pass(out=x)
        incoming = x
        for i in range(len(self.weights) - 1):
            y = self._linear(i, incoming, len(x))
            done.z.append(self._preactivation(i, y, is_training))
            incoming = apply_activation(self.spec.activation, done.z[-1], self.slopes[i])
            done.h.append(incoming)
        last = len(self.weights) - 1
        done.out = self._linear(last, incoming, len(x)) + self.biases[-1]
        return done

    def _linear(self, i: int, incoming: Tensor, examples: int) -> Tensor:
        """What the weights put out, a row for each example and position."""
        size, weight = self.sizes[i], self.weights[i]
        if size.source is None:
            return incoming @ weight
        C, H, W = size.source
        if i == 0:
            images = incoming.reshape(examples, C, H, W)
        else:
            images = incoming.reshape(examples, H, W, C).permute(0, 3, 1, 2)
        images = POOLING[size.pooling](images)
        if size.kernel_size is None:
            flat: Tensor = images.permute(0, 2, 3, 1).reshape(examples, size.fan_in) @ weight
            return flat
        side = size.kernel_size
        kernel = weight.reshape(side, side, C, size.units).permute(3, 2, 0, 1)
        # Contiguous: the backward of a convolution that is not fails on the CPU.
        maps = functional.conv2d(images, kernel.contiguous(), padding="same")
        return maps.permute(0, 2, 3, 1).reshape(examples * size.positions, size.units)

    def _preactivation(self, i: int, y: Tensor, is_training: bool) -> Tensor:
        """Of a hidden layer, [N, U], from what its weights put out."""
        if self.normalization == "none":
            return y + self.biases[i]
        if self.normalization == "layer":
            # Written out: PyTorch's own leaves a rounding error of a layer of one unit.
            units = self.sizes[i].units
            layer = y.reshape(-1, self.sizes[i].positions * units)
            moved = layer - layer.mean(1, keepdim=True)
            deviation = torch.sqrt((moved * moved).mean(1, keepdim=True) + 1e-5)
            normalized = (moved / deviation).reshape(-1, units)
        elif is_training:
            normalized = self._batch_normalized(i, y)
        else:
            normalized = functional.batch_norm(y, *self.running[i])
        return normalized * _given(self.scales[i]) + self.biases[i]

    def _batch_normalized(self, i: int, y: Tensor) -> Tensor:
        """As torch.nn.functional.batch_norm in training, but from the first example on: a unit
        that is the same for all examples is exactly 0."""
        moved = y - y[0].detach()
        mean, variance = moved.mean(0), moved.var(0, correction=0)
        running_mean, running_variance = self.running[i]
        running_mean.lerp_((y[0] + mean).detach(), 0.1)
        running_variance.lerp_(y.detach().var(0), 0.1)
        return (moved - mean) / torch.sqrt(variance + 1e-5)

    def derivatives(self, done: Pass) -> list[Tensor]:
        """φ'(z) of every hidden layer, with the convention."""
        spec = self.spec.activation
        return [
            derivative(activation_function(spec, slope), z.detach(), spec.convention)
            for z, slope in zip(done.z, self.slopes[:-1], strict=True)
        ]


def norm(tensors: list[Tensor]) -> float:
    """L2 norm of all values together, in the precision of training: what overflows there is
    infinite."""
    norms = torch.stack([torch.linalg.vector_norm(tensor.detach()) for tensor in tensors])
    return float(torch.linalg.vector_norm(norms))


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
            steps.update_ratios[i].append(_ratio(moved, norm(old)))
        self._note_unless_finite(norm(self.network.parameters))

    def _count_kinks(self, done: Pass, target: Tensor, steps: Steps) -> None:
        for i, (z, h) in enumerate(zip(done.z, done.h, strict=True)):
            upstream = _given(h.grad)
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
            gradients = [_given(parameter.grad) for parameter in self.network.layer(i)]
            steps.layer_grad_norms[i].append(norm(gradients))
        total = norm([_given(parameter.grad) for parameter in self.network.parameters])
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
                grad_norm_mean=_mean(steps.grad_norms),
                grad_norm_max=_max(steps.grad_norms),
                grad_norm_last=_last(steps.grad_norms),
                dead_fraction=_fraction([(one.dead, one.units) for one in layers]),
                dormant_fraction=_fraction([(one.dormant, one.units) for one in layers]),
                saturated_fraction=_fraction([(one.saturated, one.units) for one in layers]),
                sparsity=_all_zeros(done.h),
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
            dormant=_dormant(mean, self.spec.probes.dormant_tau),
            saturated=int((is_flat & ~is_dead).sum()) if is_known else None,
            sparsity=(h == 0).double().mean().item() if is_known else None,
            kink_hits=steps.kink_hits[i] if was_trained else None,
            kink_effective=steps.kink_effective[i] if was_trained else None,
            first_effective_step=steps.first_effective[i],
            grad_norm_mean=_mean(steps.layer_grad_norms[i]),
            grad_norm_max=_max(steps.layer_grad_norms[i]),
            grad_norm_last=_last(steps.layer_grad_norms[i]),
            update_ratio=_mean(steps.update_ratios[i]),
            weight_norm=norm(self.network.layer(i)),
            effective_rank=effective_rank(h[: RANK_SAMPLE * self.network.sizes[i].positions]),
        )


def linear_optimum(spec: JobSpec, x: Tensor, target: Tensor) -> tuple[float, Tensor] | None:
    """Least loss, weights and bias [F + 1, 1] of a linear network with one target, by
    scikit-learn; None for other networks and losses."""
    if spec.network.kind != "linear" or spec.loss.name not in ("mse", "mae", "quantile"):
        return None
    features, wanted = x.double().numpy(), target.double().numpy()[:, 0]
    model: Any = LinearRegression()
    if spec.loss.name != "mse":
        q = getattr(spec.loss, "q", 0.5)
        model = QuantileRegressor(quantile=q, alpha=0, solver="highs")
    model.fit(features, wanted)
    answers = torch.from_numpy(model.predict(features))[:, None]
    parameters = torch.tensor([*model.coef_, model.intercept_])[:, None]
    return loss_of(spec.loss, answers, target.double()).item(), parameters


def effective_rank(h: Tensor) -> float | None:
    """exp of the entropy of the normalised singular values; 0 of nothing but zeros."""
    if not bool(h.isfinite().all()):
        return None
    singular = torch.linalg.svdvals(h.double())
    if singular[0] == 0:
        return 0.0
    share = singular / singular.sum()
    return math.exp(-torch.xlogy(share, share).sum().item())


def _dormant(mean: Tensor, tau: float) -> int | None:
    layer_mean = mean.mean()
    if not bool(layer_mean.isfinite()):
        return None
    return int((mean / (layer_mean + 1e-9) <= tau).sum())


def _tensors(part: Part, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    target = torch.from_numpy(part.targets)
    if target.is_floating_point():
        target = target.to(dtype)
    return torch.from_numpy(part.features).to(dtype), target


def _ratio(moved: float, size: float) -> float:
    if size == 0:
        return 0.0 if moved == 0 else math.inf
    return moved / size


def _mean(values: list[float]) -> float | None:
    return math.fsum(values) / len(values) if _are_finite(values) else _odd(values)


def _max(values: list[float]) -> float | None:
    return max(values) if _are_finite(values) else _odd(values)


def _last(values: list[float]) -> float | None:
    return values[-1] if values else None


def _are_finite(values: list[float]) -> bool:
    return bool(values) and all(map(math.isfinite, values))


def _odd(values: list[float]) -> float | None:
    """Of norms that are not all finite: NaN if any is, else infinity."""
    if not values:
        return None
    return math.nan if any(map(math.isnan, values)) else math.inf


def _fraction(counts: list[tuple[int | None, int]]) -> float | None:
    known = [count for count, _ in counts if count is not None]
    if not counts or len(known) < len(counts):
        return None
    return sum(known) / sum(units for _, units in counts)


def _all_zeros(h: list[Tensor]) -> float | None:
    if not h or any(bool(one.isnan().any()) for one in h):
        return None
    return sum(int((one == 0).sum()) for one in h) / sum(one.numel() for one in h)


def plain_run(spec: JobSpec) -> PlainRun:
    """The run of one spec."""
    return PlainTraining(spec).run()
