"""What a chunk measured in an epoch, on its way to the events.

Legend: K members, Q values of a quantity.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from workers.training.arrays import Array


@dataclass(frozen=True, kw_only=True)
class Readings:
    """Quantities by name, [K, Q] each. A quantity that was not measured is missing."""

    values: dict[str, Array]
    learning_rates: Sequence[float] | None
    """[K], of the epoch's last step; None where there was no step."""
