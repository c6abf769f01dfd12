"""Float64 on the host: what measurements are judged in."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]


def to_host(tensor: Tensor) -> Array:
    """A copy in float64. Waits for the device."""
    array: Array = tensor.detach().to("cpu", torch.float64, copy=True).numpy()
    return array


def transfer(measured: Mapping[str, Tensor]) -> dict[str, Array]:
    """Many tensors [K, …] in one transfer; [K, Q] each."""
    flat = [value.reshape(value.shape[0], -1).double() for value in measured.values()]
    host = torch.cat(flat, 1).cpu().numpy()
    arrays, first = {}, 0
    for name, part in zip(measured, flat, strict=True):
        arrays[name] = host[:, first : first + part.shape[1]]
        first += part.shape[1]
    return arrays
