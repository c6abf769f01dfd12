"""How weights start: the formulas of `torch.nn.init` for a layer from `fan_in` to `fan_out`.

Drawn in float64 on the CPU from the member's own stream, so that one seed gives the same
initialisation in every precision and on every device. One function per name of the domain's
`Init`; each returns [fan_in, fan_out] (the transpose of torch.nn.Linear's weight), or, where
biases are drawn with the weights, [fan_in + 1, fan_out].

torch_default is torch.nn.Linear.reset_parameters: kaiming_uniform with a = sqrt(5), whose bound
sqrt(6 / ((1 + 5) fan_in)) is 1 / sqrt(fan_in), and the same bound for the biases.

Sources: He et al. 2015 (kaiming), Glorot and Bengio 2010 (xavier), LeCun et al. 1998 (lecun),
Saxe et al. 2014 (orthogonal), Lu, Shin, Su and Karniadakis 2019 (randomized_asymmetric).
"""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor

from service.domain.networks import Init

Initializer = Callable[[int, int, Init, Generator], Tensor]


def _normal(std: float, fan_in: int, fan_out: int, generator: Generator) -> Tensor:
    draw = torch.randn(fan_in, fan_out, generator=generator, dtype=torch.float64)
    return draw * std


def _uniform(
    bound: float, fan_in: int, fan_out: int, generator: Generator, *, biases: int = 0
) -> Tensor:
    draw = torch.rand(fan_in + biases, fan_out, generator=generator, dtype=torch.float64)
    return (2 * draw - 1) * bound


def _orthogonal(fan_in: int, fan_out: int, init: Init, generator: Generator) -> Tensor:
    """Q of the QR decomposition of a normal matrix, with the signs that make R's diagonal
    positive: uniform over all matrices with orthonormal rows or columns."""
    tall = (max(fan_in, fan_out), min(fan_in, fan_out))
    q, r = torch.linalg.qr(torch.randn(tall, generator=generator, dtype=torch.float64))
    q *= r.diagonal().sign()
    weight: Tensor = q if fan_in >= fan_out else q.T
    return weight


def _randomized_asymmetric(fan_in: int, fan_out: int, init: Init, generator: Generator) -> Tensor:
    """Weights and bias of a unit are fan_in + 1 draws from N(0, 0.6007² / fan_in), of which one,
    chosen uniformly, is replaced by a draw from Beta(2, 1), which is positive: fewer units are
    born dead. 0.6007² / fan_in keeps the mean square of a relu layer's outputs from growing or
    vanishing. Beta(2, 1) is the square root of a uniform draw."""
    draw = _normal(0.6007 / math.sqrt(fan_in), fan_in + 1, fan_out, generator)
    place = torch.randint(fan_in + 1, (1, fan_out), generator=generator)
    positive = torch.rand(1, fan_out, generator=generator, dtype=torch.float64).sqrt_()
    return draw.scatter_(0, place, positive)


INITIALIZERS: dict[str, Initializer] = {
    "kaiming_normal": lambda i, o, init, g: _normal(math.sqrt(2 / i), i, o, g),
    "kaiming_uniform": lambda i, o, init, g: _uniform(math.sqrt(6 / i), i, o, g),
    "xavier_normal": lambda i, o, init, g: _normal(math.sqrt(2 / (i + o)), i, o, g),
    "xavier_uniform": lambda i, o, init, g: _uniform(math.sqrt(6 / (i + o)), i, o, g),
    "lecun_normal": lambda i, o, init, g: _normal(math.sqrt(1 / i), i, o, g),
    "lecun_uniform": lambda i, o, init, g: _uniform(math.sqrt(3 / i), i, o, g),
    "orthogonal": _orthogonal,
    "torch_default": lambda i, o, init, g: _uniform(1 / math.sqrt(i), i, o, g, biases=1),
    "randomized_asymmetric": _randomized_asymmetric,
    "normal": lambda i, o, init, g: _normal(init.scale or 0.0, i, o, g),
    "uniform": lambda i, o, init, g: _uniform(init.scale or 0.0, i, o, g),
    "zeros": lambda i, o, init, g: torch.zeros(i, o, dtype=torch.float64),
}


def initial_layer(
    init: Init, fan_in: int, fan_out: int, generator: Generator, *, window: int = 1
) -> tuple[Tensor, Tensor]:
    """Weight [fan_in, fan_out] and bias [fan_out] in float64. `window`: pixels that a convolution
    looks at; as in PyTorch they count in xavier's fan_out, for each input has an effect on so many
    outputs."""
    drawn = INITIALIZERS[init.name](fan_in, fan_out, init, generator)
    if init.name.startswith("xavier"):
        drawn *= math.sqrt((fan_in + fan_out) / (fan_in + fan_out * window))
    if len(drawn) > fan_in:
        return drawn[:fan_in], drawn[fan_in]
    return drawn, torch.full((fan_out,), init.bias, dtype=torch.float64)
