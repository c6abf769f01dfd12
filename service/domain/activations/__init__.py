"""The activations: their formulas, kinks, and the conventions that are legal at 0.

Sources: PyTorch's kernels for the default conventions (the classes of `torch.nn`), Clarke (1983)
for the subdifferential: the interval between the left and the right derivative.
"""

from service.domain.activations.base import Activation, KinkedAtZero
from service.domain.activations.kinds import (
    SELU_ALPHA,
    SELU_SCALE,
    AnyActivation,
    Prelu,
    Relu,
    Rrelu,
)

__all__ = [
    "SELU_ALPHA",
    "SELU_SCALE",
    "Activation",
    "AnyActivation",
    "KinkedAtZero",
    "Prelu",
    "Relu",
    "Rrelu",
]
