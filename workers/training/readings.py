"""The one transfer of an epoch: everything that was measured, from the device to numpy.

Legend: K members, Q values of a quantity.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Readings:
    """Quantities by name, [K, Q] in float64. A quantity that was not measured is missing."""

    values: dict[str, NDArray[np.float64]]
    learning_rates: Sequence[float] | None
    """Of the epoch's last step; None where there was no step."""


def transfer(measured: dict[str, Tensor], learning_rates: Sequence[float] | None) -> Readings:
    """Waits for the device, once."""
    flat = [value.reshape(value.shape[0], -1).double() for value in measured.values()]
    host = torch.cat(flat, 1).cpu().numpy()
    ends = np.cumsum([part.shape[1] for part in flat])
    pieces = np.split(host, ends[:-1], axis=1)
    return Readings(values=dict(zip(measured, pieces, strict=True)), learning_rates=learning_rates)
