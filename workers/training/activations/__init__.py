"""The activations: one class each, the twins of those in `service.domain.activations`.

A new activation is a class with value and derivative, and one line here.
"""

from workers.training.activations.base import Kernel, UnitCounts
from workers.training.activations.exponential import Celu, Elu, Selu
from workers.training.activations.rectified import (
    Hardtanh,
    Identity,
    LeakyRelu,
    Prelu,
    Relu,
    Relu6,
    Rrelu,
)
from workers.training.activations.sigmoidal import (
    Gelu,
    Hardswish,
    Mish,
    Sigmoid,
    Silu,
    Softplus,
    Softsign,
    Tanh,
)

KERNELS: dict[str, type[Kernel]] = {
    "relu": Relu,
    "relu6": Relu6,
    "leaky_relu": LeakyRelu,
    "prelu": Prelu,
    "rrelu": Rrelu,
    "elu": Elu,
    "selu": Selu,
    "celu": Celu,
    "gelu": Gelu,
    "silu": Silu,
    "mish": Mish,
    "softplus": Softplus,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "hardtanh": Hardtanh,
    "softsign": Softsign,
    "hardswish": Hardswish,
    "identity": Identity,
}

__all__ = ["KERNELS", "Kernel", "UnitCounts"]
