"""What arithmetic alone says about a training before it runs."""

import math
from collections.abc import Iterator

from service.domain.job import SpecWarning
from service.domain.networks import Init
from service.domain.optimizers import Sgd
from service.domain.spec import JobSpec

_FLAT_BELOW_ZERO = ("relu", "relu6")
"""Activations whose derivative is 0 at every negative number."""


def weigh(spec: JobSpec) -> Iterator[SpecWarning]:
    """Trainings that are known not to go anywhere."""
    if spec.epochs > 0:
        yield from _rate_diverges(spec)
    yield from _born_dead(spec)


def _rate_diverges(spec: JobSpec) -> Iterator[SpecWarning]:
    """Gradient descent on a linear network with the squared error.

    The loss is quadratic. Its largest curvature λ is at least the one along an output's bias,
    which is 2 / outputs whatever the data are, plus the weight decay. With momentum μ, gradient
    descent grows without bound where rate · λ > 2 (1 + μ) (Polyak 1964), unless it starts at the
    optimum. With mini-batches the same holds for the mean over their order.
    """
    optimizer = spec.optimizer
    if (
        spec.network.hidden_widths
        or spec.loss.name != "mse"
        or not isinstance(optimizer, Sgd)
        or optimizer.nesterov
        or optimizer.clip_grad_norm is not None
        or optimizer.schedule.name != "constant"
    ):
        return
    curvature = 2 / spec.dataset.output_count + optimizer.weight_decay
    bound = 2 * (1 + optimizer.momentum) / curvature
    if optimizer.learning_rate > bound:
        yield SpecWarning(
            code="rate_diverges",
            pointer="/optimizer/learning_rate",
            detail=f"{optimizer.learning_rate:g} is above {bound:g}, from which on gradient "
            "descent on the squared error of a linear network grows without bound, whatever the "
            "data are; its largest stable rate is lower still where features have weight",
        )


def _born_dead(spec: JobSpec) -> Iterator[SpecWarning]:
    """Units of the first hidden layer whose pre-activation is negative for every example.

    With all weights 0 the pre-activation is the bias, so this is exact. Else, for features of
    mean 0 and variance 1, the pre-activations of a unit are spread around the bias by about
    s = std(weights) · √features, and the largest of N normal numbers is about s √(2 ln N). Real
    features have longer tails, so a bias counts as out of reach below twice that: there 77%
    (digits) to 100% (iris, wine, diabetes, two_moons) of 512 units were dead. Other scalings,
    convolutions and normalised layers are not judged.
    """
    if spec.network.kind != "mlp" or spec.network.normalization != "none":
        return
    if spec.activation.name not in _FLAT_BELOW_ZERO:
        return
    init = spec.network.init
    if init.draws_biases:
        return
    spread = _weight_deviation(init, *spec.layer_widths[:2]) * math.sqrt(spec.layer_widths[0])
    if spread == 0:
        dead = init.bias < 0 or (init.bias == 0 and not spec.activation.convention)
        reason = f"every weight is 0, so every pre-activation is the bias {init.bias:g}"
        where = "/network/init/name"
    else:
        reach = 2 * spread * math.sqrt(2 * math.log(max(spec.training_examples, 2)))
        dead = spec.dataset.scaling == "standard" and init.bias < -reach
        reason = (
            f"the bias {init.bias:g} lies below -{reach:.3g}, which is further than the "
            "weighted features of most units reach"
        )
        where = "/network/init/bias"
    if dead:
        yield SpecWarning(
            code="born_dead",
            pointer=where,
            detail=f"units of the first hidden layer are likely born dead: {reason}, and "
            f"{spec.activation.name} passes no gradient there",
        )


def _weight_deviation(init: Init, fan_in: int, fan_out: int) -> float:
    """The standard deviation of a weight: formulas of `torch.nn.init`, see `Init`."""
    scale = init.scale or 0.0
    deviations = {
        "kaiming": math.sqrt(2 / fan_in),
        "xavier": math.sqrt(2 / (fan_in + fan_out)),
        "lecun": math.sqrt(1 / fan_in),
        "orthogonal": math.sqrt(1 / max(fan_in, fan_out)),
        "normal": scale,
        "uniform": scale / math.sqrt(3),
        "zeros": 0.0,
    }
    return deviations[init.name.split("_")[0]]
