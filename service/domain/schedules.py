"""How the learning rate changes: a factor of `optimizer.learning_rate` for every step.

Steps count from 1 over the whole training. Knows no tensors.
"""

import math
from typing import Annotated, Literal

from pydantic import Field

from service.domain.base import SpecModel


class Schedule(SpecModel):
    """What every schedule answers."""

    name: str

    def factor(self, step: int, *, steps_per_epoch: int, steps: int) -> float:
        """For one step of `steps` in all."""
        raise NotImplementedError


class ConstantSchedule(Schedule):
    """The learning rate stays as it is."""

    name: Literal["constant"] = "constant"

    def factor(self, step: int, *, steps_per_epoch: int, steps: int) -> float:
        return 1.0


class StepSchedule(Schedule):
    """Multiplied by `gamma` after every `every` epochs, as torch.optim.lr_scheduler.StepLR."""

    name: Literal["step"]
    every: Annotated[int, Field(ge=1, lt=2**63, description="Epochs at the same rate.")] = 10
    gamma: Annotated[float, Field(ge=0, le=1, description="What it is multiplied by.")] = 0.1

    def factor(self, step: int, *, steps_per_epoch: int, steps: int) -> float:
        epoch = (step - 1) // steps_per_epoch
        return float(self.gamma ** (epoch // self.every))


class CosineSchedule(Schedule):
    """Half a cosine over all steps, from the learning rate towards `final_fraction` of it, as
    torch.optim.lr_scheduler.CosineAnnealingLR stepped after every step (Loshchilov and Hutter
    2017). Step t of T has f + (1 - f) (1 + cos(pi (t - 1) / T)) / 2."""

    name: Literal["cosine"]
    final_fraction: Annotated[float, Field(ge=0, le=1)] = 0.0

    def factor(self, step: int, *, steps_per_epoch: int, steps: int) -> float:
        wave = (1 + math.cos(math.pi * (step - 1) / steps)) / 2
        return self.final_fraction + (1 - self.final_fraction) * wave


class WarmupSchedule(Schedule):
    """In a straight line from `start_fraction` of the learning rate to all of it over the first
    `steps` steps, constant from then on, as torch.optim.lr_scheduler.LinearLR stepped after
    every step. Step t has s + (1 - s) min(t - 1, steps) / steps."""

    name: Literal["warmup"]
    steps: Annotated[int, Field(ge=1, lt=2**63, description="Steps until the full rate.")] = 100
    start_fraction: Annotated[float, Field(ge=0, le=1)] = 0.01

    def factor(self, step: int, *, steps_per_epoch: int, steps: int) -> float:
        done = min(step - 1, self.steps) / self.steps
        return self.start_fraction + (1 - self.start_fraction) * done


AnySchedule = Annotated[
    ConstantSchedule | StepSchedule | CosineSchedule | WarmupSchedule,
    Field(discriminator="name"),
]
