"""optimality_gap and weight_distance: how far a linear network is from the exact optimum.

Legend: K members, F features, C outputs, V values of a layer beside its weights.
"""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from workers.training.arrays import Array, to_host
from workers.training.optimum import Optimum


def distances(optima: Sequence[Optimum | None], weight: Tensor, values: Tensor) -> dict[str, Array]:
    """[K, 1] each: the least loss, and the L2 distance of weights [K, F, C] and biases [K, 1, V]
    from where it is reached. NaN for the loss where no optimum is known; nothing where none is
    known for anybody."""
    if not any(optima):
        return {}
    weights, biases = to_host(weight), to_host(values)
    least = np.array([np.nan if one is None else one.loss for one in optima])
    apart = [
        np.nan if one is None else _distance(weights[k], biases[k, 0], one.parameters)
        for k, one in enumerate(optima)
    ]
    return {"optimum": least[:, None], "weight_distance": np.array(apart)[:, None]}


def _distance(weight: Array, bias: Array, optimum: Array) -> float:
    """Member by member: sums over stacked members might be taken in another order."""
    features, outputs = len(optimum) - 1, optimum.shape[1]
    ours = np.concatenate([weight[:features, :outputs], bias[None, :outputs]])
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.sqrt(np.square(ours - optimum).sum()))


def gap(loss: float | None, optimum: float | None) -> float | None:
    """(loss - optimum) / optimum. None where the optimum is 0 or not known; NaN and infinite
    where the loss is."""
    if loss is None or optimum is None or not optimum > 0:
        return None
    return (loss - optimum) / optimum
