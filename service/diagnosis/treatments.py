"""What can be changed about a spec, and what speaks for it. A treatment that the spec has already,
or that does not apply to it, is None."""

from typing import Any

from service.diagnosis.support import support
from service.domain.activations import Activation
from service.domain.diagnosis import Treatment
from service.domain.spec import JobSpec

RECTIFIERS = ("relu", "relu6")
"""Flat below 0, so that units die."""
BOUNDED = ("sigmoid", "tanh", "hardtanh", "softsign")
"""Flat on both sides, so that units saturate."""


def _treatment(
    name: str, changes: dict[str, Any], reason: str, source: str, tested_as: str | None = None
) -> Treatment:
    """`tested_as`: the name under which its support is known, where that is another."""
    known = support(tested_as or name, source)
    return Treatment(name=name, changes=changes, reason=reason, support=known)


def _activation(spec: JobSpec, name: str, reason: str, source: str) -> Treatment | None:
    if spec.activation.name not in RECTIFIERS:
        return None
    return _treatment(name, {"activation": {"name": name}}, reason, source)


def leaky_relu(spec: JobSpec) -> Treatment | None:
    reason = "a slope of 0.01 below 0 lets every unit pass a gradient, so none can die"
    return _activation(spec, "leaky_relu", reason, "Maas, Hannun and Ng (2013)")


def elu(spec: JobSpec) -> Treatment | None:
    reason = "its derivative is exp(x) below 0, small but not 0"
    return _activation(spec, "elu", reason, "Clevert, Unterthiner and Hochreiter (2016)")


def prelu(spec: JobSpec) -> Treatment | None:
    reason = "the slope below 0 is learned with the weights, and starts at 0.25"
    return _activation(spec, "prelu", reason, "He, Zhang, Ren and Sun (2015)")


def rrelu(spec: JobSpec) -> Treatment | None:
    reason = "the slope below 0 is drawn anew for every value in training, and is never 0"
    return _activation(spec, "rrelu", reason, "Xu, Wang, Chen and Li (2015)")


def rectifier(spec: JobSpec) -> Treatment | None:
    """relu instead of an activation that is flat on both sides, with the start made for it."""
    if spec.activation.name not in BOUNDED or not spec.network.hidden_widths:
        return None
    return _treatment(
        "relu",
        {"activation": {"name": "relu"}, "network.init": {"name": "kaiming_normal"}},
        "its derivative is 1 wherever a unit is active, however large the pre-activation",
        "Glorot, Bordes and Bengio (2011); He et al. (2015)",
    )


def batch_norm(spec: JobSpec) -> Treatment | None:
    if not spec.network.hidden_widths or spec.network.normalization != "none":
        return None
    return _treatment(
        "batch_normalization",
        {"network.normalization": "batch"},
        "pre-activations are centred and scaled in every mini-batch, so that they stay where the "
        "activation has a slope",
        "Ioffe and Szegedy (2015)",
    )


def lower_rate(spec: JobSpec, factor: float = 0.1) -> Treatment | None:
    rate = spec.optimizer.learning_rate
    if rate == 0:
        return None
    return _treatment(
        f"rate_times_{factor:g}",
        {"optimizer.learning_rate": float(f"{rate * factor:.6g}")},
        "smaller steps throw fewer units, and fewer weights, out of reach of the data",
        "Lu, Shin, Su and Karniadakis (2019) for death; Polyak (1964) for stability",
        "lower_rate",
    )


def higher_rate(spec: JobSpec, factor: float = 10.0) -> Treatment | None:
    rate = spec.optimizer.learning_rate
    return _treatment(
        f"rate_times_{factor:g}" if rate else "rate_of_0.01",
        {"optimizer.learning_rate": float(f"{rate * factor:.6g}") if rate else 0.01},
        "the weights have hardly moved",
        "Bengio (2012), Practical recommendations for gradient-based training",
    )


def clipping(spec: JobSpec) -> Treatment | None:
    bound = spec.optimizer.clip_grad_norm
    if bound is not None and bound <= 1.0:
        return None
    return _treatment(
        "clipping",
        {"optimizer.clip_grad_norm": 1.0},
        "no single mini-batch can take a step longer than the rate",
        "Pascanu, Mikolov and Bengio (2013)",
    )


def warm_up(spec: JobSpec) -> Treatment | None:
    """Over the first tenth of the steps."""
    steps = spec.steps_per_epoch * spec.epochs // 10
    if steps < 1 or spec.optimizer.schedule.name != "constant":
        return None
    return _treatment(
        "warm_up",
        {"optimizer.schedule": {"name": "warmup", "steps": steps}},
        "the first steps, whose gradients are the largest, are the shortest",
        "Goyal et al. (2017)",
    )


def fresh_start(spec: JobSpec) -> Treatment | None:
    """Initial weights of a size that keeps signals as they are from layer to layer."""
    activation: Activation = spec.activation
    name = "xavier_normal" if activation.name in BOUNDED else "kaiming_normal"
    init = spec.network.init
    if not spec.network.hidden_widths or (init.name == name and init.bias == 0):
        return None
    return _treatment(
        name,
        {"network.init": {"name": name}},
        "biases of 0, and weights of the size that keeps signals and gradients from layer to layer",
        "Glorot and Bengio (2010); He et al. (2015)",
    )


def asymmetric_start(spec: JobSpec) -> Treatment | None:
    name = "randomized_asymmetric"
    if spec.activation.name not in RECTIFIERS or spec.network.init.name == name:
        return None
    return _treatment(
        name,
        {"network.init": {"name": name}},
        "one weight of each unit is drawn to be positive, so that fewer are born dead",
        "Lu, Shin, Su and Karniadakis (2019)",
    )


def adam(spec: JobSpec) -> Treatment | None:
    if spec.optimizer.name in ("adam", "adamw"):
        return None
    return _treatment(
        "adam",
        {"optimizer": {"name": "adam", "learning_rate": 0.001}},
        "its steps do not shrink with the gradient",
        "Kingma and Ba (2015)",
    )


def standard_scaling(spec: JobSpec) -> Treatment | None:
    if spec.dataset.scaling == "standard":
        return None
    return _treatment(
        "standard_scaling",
        {"dataset.scaling": "standard"},
        "features of mean 0 and variance 1 keep the first layer's pre-activations in reach",
        "LeCun, Bottou, Orr and Müller (1998)",
    )


def single_precision(spec: JobSpec) -> Treatment | None:
    if spec.precision not in ("float16", "bfloat16"):
        return None
    return _treatment(
        "float32",
        {"precision": "float32"},
        f"{spec.precision} overflows earlier, or rounds coarser",
        "Micikevicius et al. (2018)",
    )


def more_epochs(spec: JobSpec) -> Treatment | None:
    return _treatment(
        "twice_the_epochs",
        {"epochs": 2 * spec.epochs},
        "the loss was still falling when the training ended",
        "the series itself",
    )


def fewer_epochs(spec: JobSpec, epochs: int) -> Treatment | None:
    """To stop where the validation loss was smallest."""
    if not 0 < epochs < spec.epochs:
        return None
    return _treatment(
        "early_stop",
        {"epochs": epochs},
        "the validation loss was smallest there",
        "Prechelt (1998)",
    )


def weight_decay(spec: JobSpec) -> Treatment | None:
    if spec.optimizer.weight_decay >= 0.01:
        return None
    return _treatment(
        "weight_decay",
        {"optimizer.weight_decay": 0.01},
        "smaller weights fit the noise of the training part less",
        "Krogh and Hertz (1991)",
    )


def wider(spec: JobSpec) -> Treatment | None:
    """Twice the units; a linear network gets hidden ones."""
    network = spec.network
    if network.kind == "cnn":
        changes: dict[str, Any] = {"network.channels": [2 * n for n in network.channels]}
    elif network.kind == "mlp":
        changes = {"network.hidden": [2 * n for n in network.hidden]}
    else:
        changes = {"network": {"kind": "mlp"}, "activation": {"name": "relu"}}
    reason = "the network may be too small to represent what is asked of it"
    return _treatment("wider", changes, reason, "Cybenko (1989); Hornik (1991)")


def falling_rate(spec: JobSpec) -> Treatment | None:
    if spec.optimizer.schedule.name == "cosine":
        return None
    return _treatment(
        "cosine",
        {"optimizer.schedule": {"name": "cosine"}},
        "a constant step ends in steps to and fro around a kink; a falling one comes to rest",
        "Loshchilov and Hutter (2017)",
    )


def smaller_batch(spec: JobSpec) -> Treatment | None:
    if spec.batch_size < 2:
        return None
    return _treatment(
        "half_the_batch",
        {"batch_size": spec.batch_size // 2},
        "activations and gradients of a mini-batch take memory in proportion to its size",
        "arithmetic; `?dry_run=true` tells the bytes",
    )


def other_convention(spec: JobSpec) -> Treatment | None:
    """A twin with another value at the kink, to see what the value changes."""
    slopes = spec.activation.slopes_at_zero
    if slopes is None:
        return None
    used = spec.activation.convention
    value = 0.5 if used != 0.5 else 0.0
    return _treatment(
        "other_convention",
        {"activation.derivative_at_zero": value},
        "the twin tells what the convention changed: GET /v1/compare names the step they part in",
        "Bertoin, Bolte, Gerchinovitz and Pauwels (2021)",
    )
