"""How many optimizer steps a cohort has taken, from what its training tells."""

from collections.abc import Iterable

from service.domain.events import EpochEvent
from workers.lifecycle import Exited
from workers.protocol import Notice


class StepCount:
    """Of one cohort, over all its networks."""

    def __init__(self) -> None:
        self._reached: dict[str, int] = {}

    def add(self, notices: Iterable[Notice | Exited]) -> int:
        """How many steps these notices tell of."""
        return sum(self._since(one) for one in notices if isinstance(one, EpochEvent))

    def _since(self, event: EpochEvent) -> int:
        epoch = event.metrics.epoch
        # All epochs have as many steps, so one that a checkpoint led to tells how many it had.
        before = self._reached.get(event.member, event.step - event.step // max(1, epoch))
        self._reached[event.member] = event.step
        return event.step - before
