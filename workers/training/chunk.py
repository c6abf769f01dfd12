"""Some members of a cohort that train together, and their life epoch by epoch.

Legend: K members.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch

from workers.training.activation_cost import ActivationCost
from workers.training.arrays import Array
from workers.training.cohort import Member
from workers.training.optimum import Optimum, Problem, problem
from workers.training.probes import distances, linear_regions
from workers.training.readings import Readings
from workers.training.shapes import Shapes
from workers.training.state import State
from workers.training.tensors import Batches, PartTensors


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all chunks of a cohort share."""

    shapes: Shapes
    train: PartTensors
    validation: PartTensors
    batches: Batches
    device: torch.device
    optima: Mapping[Problem, Optimum]
    """Of linear networks, where they are known."""
    threads: int = 1
    """Of the host, for what it does beside a GPU. Without influence on the numbers."""


class Chunk(ABC):
    """K members, trained by one of the back ends."""

    def __init__(self, members: Sequence[Member], setting: Setting, state: State) -> None:
        self.members, self.setting, self.state = list(members), setting, state
        self.epoch = -1
        """The last one that was trained and evaluated; -1 before epoch 0."""
        self.tau: Array = np.array([member.spec.probes.dormant_tau for member in members])
        """[K]"""
        problems = [problem(member.spec) for member in members]
        self._optima = [setting.optima.get(one) if one else None for one in problems]

    def of_weights(self) -> dict[str, Array]:
        """Distances from the exact optimum and linear regions, [K, 1] each; nothing of what is not
        known or not asked for."""
        found = distances(self._optima, self.state.weights[0], self.state.values)
        if self.members[0].spec.probes.linear_regions:
            part = self.setting.train
            x = part.x[: part.count, 0].double()
            interval = x.min().item(), x.max().item()
            found["linear_regions"] = linear_regions(
                self.members, self.state, self.setting.shapes, interval
            )
        return found

    def look_at_the_start(self, members: Sequence[Member], readings: Readings) -> Iterator[None]:
        """Adds to epoch 0 what is asked of untrained networks only."""
        if members[0].spec.probes.activation_cost:
            cost = ActivationCost(members, self.setting.shapes, self.setting.device)
            yield from cost.run()
            readings.values.update(cost.readings())

    def last_rates(self) -> list[float]:
        """[K]: learning rates of the step just taken."""
        return [member.spec.learning_rates(self.state.step, 1)[0] for member in self.members]

    @abstractmethod
    def keep(self, rows: Sequence[int]) -> Self:
        """A smaller chunk that goes on with some of the members."""

    @abstractmethod
    def run_epoch(self, epoch: int) -> Iterator[Readings | None]:
        """Trains an epoch (none for epoch 0) and evaluates it. Yields None often enough for the
        caller to stop in between, within a fraction of a second; the readings at the end."""


ChunkMaker = Callable[[Sequence[Member], State], Chunk]
"""Makes a chunk; the state becomes its own."""


class BackEnd(ABC):
    """A way to train."""

    name: str
    """What a job's `environment` calls its engine."""

    @abstractmethod
    def lane(self, setting: Setting) -> ChunkMaker:
        """For the chunks of one lane: they train by turns, so they may share buffers."""

    @abstractmethod
    def chunk_size(self, setting: Setting) -> int:
        """How many members at a time are fast. Without influence on the numbers."""

    def room(self, setting: Setting) -> int | None:
        """How many members of a cohort the device has memory for; the others wait. None: all."""
        return None
