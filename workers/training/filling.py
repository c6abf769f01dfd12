"""Stacks of one size. On a GPU the order of summation inside a kernel depends on how many members
are stacked (a product's for one against more, a reduction's all along), so there every stack has as
many as the spec says: where a cohort has fewer, copies of its first member fill the places, and
nobody reads their numbers. A GPU is not busy with a single small network, so they cost little.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from workers.training.chunk import Chunk, Setting
from workers.training.cohort import Member
from workers.training.readings import Readings
from workers.training.state import State

Stack = Callable[[Sequence[Member], State, int], Chunk]
"""Makes a stack of members, of whom so many are real."""


class FilledChunk(Chunk):
    """Some members in a stack of a given size."""

    def __init__(
        self, members: Sequence[Member], setting: Setting, state: State, stack: Stack, size: int
    ) -> None:
        """`state`: of the members; a copy of it trains."""
        rows = [*range(len(members)), *[0] * (size - len(members))]
        stacked = state.select(rows)
        # What the optimizer remembers is made in the stack's state, whose first rows are ours.
        super().__init__(members, setting, stacked)
        self._make, self._size = stack, size
        self._stack = stack([members[row] for row in rows], stacked, len(members))

    def keep(self, rows: Sequence[int]) -> "FilledChunk":
        members = [self.members[row] for row in rows]
        state = self.state.select(rows)
        return FilledChunk(members, self.setting, state, self._make, self._size)

    def run_epoch(self, epoch: int) -> Iterator[Readings | None]:
        for readings in self._stack.run_epoch(epoch):
            yield None if readings is None else _of_first(len(self.members), readings)


def _of_first(count: int, readings: Readings) -> Readings:
    """Of the real members, who come first."""
    rates = readings.learning_rates
    return Readings(
        values={name: values[:count] for name, values in readings.values.items()},
        units=[
            replace(marks, activity=marks.activity[:count], dead=marks.dead[:count])
            for marks in readings.units
        ],
        learning_rates=None if rates is None else rates[:count],
    )
