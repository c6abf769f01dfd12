"""The activations once more, number by number in float64 and written to be obviously right.

Where the engine cancels (1 - sigmoid, 1 + erf) these use another form that does not, so the two
share no mistake. Each function takes a number and the activation's spec.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import nn

from service.domain.activations import Activation, AnyActivation

ADAPTER: TypeAdapter[Activation] = TypeAdapter(AnyActivation)
SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def distribution(x: float) -> float:
    return math.erfc(-x / math.sqrt(2)) / 2


def density(x: float) -> float:
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _mish_slope(x: float, _: Any) -> float:
    t = math.tanh(softplus(x))
    return t + x * sigmoid(x) * (1 - t * t)


def _hardswish_slope(x: float, _: Any) -> float:
    if abs(x) == 3:
        return 0.0 if x < 0 else 1.0
    return 0.0 if x < -3 else 1.0 if x > 3 else x / 3 + 0.5


def _line(x: float, below: float) -> float:
    return x if x > 0 else below * x


def _mean(spec: Any) -> float:
    return float((spec.lower + spec.upper) / 2)


Formula = Callable[[float, Any], float]


@dataclass(frozen=True, kw_only=True)
class Reference:
    """`slope` is φ' with PyTorch's value at every kink; `module` is PyTorch's own."""

    value: Formula
    slope: Formula
    module: Callable[[Any], nn.Module]


def _prelu(spec: Any) -> nn.Module:
    return nn.PReLU(init=spec.init)


REFERENCES: dict[str, Reference] = {
    "relu": Reference(
        value=lambda x, s: max(x, 0.0),
        slope=lambda x, s: float(x > 0),
        module=lambda s: nn.ReLU(),
    ),
    "relu6": Reference(
        value=lambda x, s: min(max(x, 0.0), 6.0),
        slope=lambda x, s: float(0 < x < 6),
        module=lambda s: nn.ReLU6(),
    ),
    "leaky_relu": Reference(
        value=lambda x, s: _line(x, s.negative_slope),
        slope=lambda x, s: 1.0 if x > 0 else s.negative_slope,
        module=lambda s: nn.LeakyReLU(s.negative_slope),
    ),
    "prelu": Reference(
        value=lambda x, s: _line(x, s.init),
        slope=lambda x, s: 1.0 if x > 0 else s.init,
        module=_prelu,
    ),
    "rrelu": Reference(
        value=lambda x, s: _line(x, _mean(s)),
        slope=lambda x, s: 1.0 if x > 0 else _mean(s),
        module=lambda s: nn.RReLU(s.lower, s.upper).eval(),
    ),
    "elu": Reference(
        value=lambda x, s: x if x > 0 else s.alpha * math.expm1(x),
        slope=lambda x, s: 1.0 if x > 0 else s.alpha * math.exp(x),
        module=lambda s: nn.ELU(s.alpha),
    ),
    "selu": Reference(
        value=lambda x, s: SCALE * (x if x > 0 else ALPHA * math.expm1(x)),
        slope=lambda x, s: SCALE * (1.0 if x > 0 else ALPHA * math.exp(x)),
        module=lambda s: nn.SELU(),
    ),
    "celu": Reference(
        value=lambda x, s: x if x > 0 else s.alpha * math.expm1(x / s.alpha),
        slope=lambda x, s: 1.0 if x > 0 else math.exp(x / s.alpha),
        module=lambda s: nn.CELU(s.alpha),
    ),
    "gelu": Reference(
        value=lambda x, s: x * distribution(x),
        slope=lambda x, s: distribution(x) + x * density(x),
        module=lambda s: nn.GELU(),
    ),
    "silu": Reference(
        value=lambda x, s: x * sigmoid(x),
        slope=lambda x, s: sigmoid(x) + x * sigmoid(x) * sigmoid(-x),
        module=lambda s: nn.SiLU(),
    ),
    "mish": Reference(
        value=lambda x, s: x * math.tanh(softplus(x)),
        slope=_mish_slope,
        module=lambda s: nn.Mish(),
    ),
    "softplus": Reference(
        value=lambda x, s: x if s.beta * x > 20 else softplus(s.beta * x) / s.beta,
        slope=lambda x, s: 1.0 if s.beta * x > 20 else sigmoid(s.beta * x),
        module=lambda s: nn.Softplus(s.beta),
    ),
    "sigmoid": Reference(
        value=lambda x, s: sigmoid(x),
        slope=lambda x, s: sigmoid(x) * sigmoid(-x),
        module=lambda s: nn.Sigmoid(),
    ),
    "tanh": Reference(
        value=lambda x, s: math.tanh(x),
        slope=lambda x, s: 4 * sigmoid(2 * x) * sigmoid(-2 * x),
        module=lambda s: nn.Tanh(),
    ),
    "hardtanh": Reference(
        value=lambda x, s: min(max(x, -1.0), 1.0),
        slope=lambda x, s: float(-1 < x < 1),
        module=lambda s: nn.Hardtanh(),
    ),
    "softsign": Reference(
        value=lambda x, s: x / (1 + abs(x)),
        slope=lambda x, s: 1 / (1 + abs(x)) / (1 + abs(x)),
        module=lambda s: nn.Softsign(),
    ),
    "hardswish": Reference(
        value=lambda x, s: x * (min(max(x + 3, 0.0), 6.0) / 6),
        slope=_hardswish_slope,
        module=lambda s: nn.Hardswish(),
    ),
    "identity": Reference(
        value=lambda x, s: x, slope=lambda x, s: 1.0, module=lambda s: nn.Identity()
    ),
}

STRAIGHT = {"relu", "relu6", "leaky_relu", "prelu", "rrelu", "hardtanh", "identity"}
"""Made of straight lines: one rounding at most, so the engine must give the very same number."""

PARAMETERS: dict[str, list[dict[str, float]]] = {
    "leaky_relu": [{}, {"negative_slope": 0.0}, {"negative_slope": 0.3}, {"negative_slope": -0.5}],
    "prelu": [{}, {"init": 0.0}, {"init": -1.5}, {"init": 1.0}],
    "rrelu": [{}, {"lower": 0.0, "upper": 1.0}, {"lower": 0.4, "upper": 0.4}],
    "elu": [{}, {"alpha": 0.5}, {"alpha": 3.0}, {"alpha": 100.0}],
    "celu": [{}, {"alpha": 0.25}, {"alpha": 3.0}, {"alpha": 100.0}],
    "softplus": [{}, {"beta": 0.1}, {"beta": 3.0}, {"beta": 100.0}],
}
CONVENTIONS = (None, 0.0, 0.5, 1.0, -1.0, 2.0)


def activation(name: str, **parameters: float | None) -> Activation:
    return ADAPTER.validate_python({"name": name, **parameters})


def _legal(spec: Activation) -> list[Activation]:
    """The activation with every convention that it takes."""
    if spec.slopes_at_zero is None:
        return [spec]
    return [spec.model_copy(update={"derivative_at_zero": value}) for value in CONVENTIONS]


ACTIVATIONS: list[Activation] = [
    spec
    for name in REFERENCES
    for parameters in PARAMETERS.get(name, [{}])
    for spec in _legal(activation(name, **parameters))
]
"""Every activation × several parameters × every convention that it takes."""
UNCHOSEN = [spec for spec in ACTIVATIONS if spec.convention is None]
"""The same, with PyTorch's own values at the kinks."""
CHOSEN = [spec for spec in ACTIVATIONS if spec.convention is not None]


def label(spec: Activation) -> str:
    """A readable name of a test case."""
    fields = spec.model_dump(exclude_none=True, exclude={"name"})
    return " ".join([spec.name, *(f"{key}={value}" for key, value in fields.items())])


def slope_at(x: float, spec: Activation) -> float:
    """φ'(x), with the spec's convention at 0 where it has one."""
    if x == 0 and spec.convention is not None:
        return spec.convention
    return REFERENCES[spec.name].slope(x, spec)


_AWAY = (5e-324, 1e-300, 1e-30, 1e-9, 1e-3, 0.3, 0.999, 1.7, 2.5, 5.0, 9.5, 17.3, 36.5, 80.0, 700.0)
_HUGE = (1e3, 1e10, 1e150, 1e300)


def points() -> list[float]:
    """Kinks and their neighbours, both zeros, tiny, ordinary and huge numbers; finite."""
    kinks = [sign * kink for kink, sign in product((1.0, 3.0, 6.0), (1, -1))]
    beside = [math.nextafter(kink, side) for kink in kinks for side in (-math.inf, math.inf)]
    away = [sign * x for x in (*_AWAY, *_HUGE) for sign in (1, -1)]
    return [0.0, -0.0, *kinks, *beside, *away]


def stacked(values: list[float], members: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """[K, R, U] with the same values for each member. As in the engine, each member fills whole
    vector instructions (U = 32): at NaN PyTorch's hardtanh_backward answers otherwise in the
    remainder of a block."""
    row = torch.tensor(values, dtype=torch.float64).to(dtype)
    return row[None, :, None].expand(members, -1, 32).contiguous()
