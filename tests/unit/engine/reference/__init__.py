"""The reference: one network, one example of everything, PyTorch's autograd, no trick.

It takes from the engine only what no definition fixes: the arrays of the data set, the initial
weights and the order of the examples, each drawn from the member's seeded streams. Every number is
then computed by brute force from the definitions.
"""

from tests.unit.engine.reference.functions import activation_function, apply_activation, loss_of
from tests.unit.engine.reference.loop import PlainEpoch, plain_run
from tests.unit.engine.reference.network import POOLING

__all__ = [
    "POOLING",
    "PlainEpoch",
    "activation_function",
    "apply_activation",
    "loss_of",
    "plain_run",
]
