"""What a study's template is: a claim, the sweeps that test it, and how to conclude."""

import inspect
import itertools
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import Field, field_validator

from service.domain.base import JsonObject, SpecModel
from service.domain.study import Scale, TemplateDescription
from service.domain.sweep import SweepMode, SweepSpec
from service.studies.evidence import Evidence
from service.studies.notebook import Notebook

Sweeps = dict[str, SweepSpec]
"""Sweeps by the name under which their evidence is read."""

MOST_ROUNDS = 40
"""A template that still wants to follow up after so many rounds has a fault."""


class Options(SpecModel):
    """What may be overridden. A template adds its own fields, without defaults: each scale says
    all of them."""

    seeds: Annotated[
        int,
        Field(ge=1, le=10_000, description="Seeds of every cell, the same ones in all of them."),
    ]

    @field_validator("seeds")
    @classmethod
    def _no_single_seed(cls, seeds: int) -> int:
        if seeds < 2:
            raise ValueError(
                "one seed has no spread, so it ranks nothing: at least 2, and 5 or more to decide "
                "anything but the largest effects"
            )
        return seeds


O = TypeVar("O", bound=Options)  # noqa: E741  (options)


class Template(ABC, Generic[O]):
    """One claim. The class's docstring defines its statistic: it is shown to users.

    All three methods are functions of their arguments alone. They may be called again after a
    crash, and must then answer the same.
    """

    number: ClassVar[int]
    """Its place in the list of templates."""
    name: ClassVar[str]
    claim: ClassVar[str]
    """A sentence that may be true or false."""
    source: ClassVar[str]
    scales: ClassVar[Mapping[Scale, Any]]
    """An `O` for each scale. Quick: under a minute on two cores; standard: about two and a
    half."""
    overwrites_gradient: ClassVar[bool] = False
    """Whether its jobs may write a convention over the gradient, which nobody else's may."""

    @abstractmethod
    def plan(self, options: O) -> Sweeps:
        """The first round."""

    def follow_up(self, options: O, evidence: Evidence) -> Sweeps:
        """Another round, now that all jobs of those before have ended; none: conclude. Names are
        new ones. At most MOST_ROUNDS rounds."""
        return {}

    @abstractmethod
    def conclude(self, options: O, evidence: Evidence, notebook: Notebook) -> None:
        """Writes statements, tables and figures into the notebook."""

    def options(self, scale: Scale, overrides: JsonObject) -> O:
        """Those of the scale with some overridden. Raises pydantic's ValidationError."""
        preset: O = self.scales[scale]
        merged = json.dumps(preset.model_dump(mode="json") | overrides)
        return type(preset).model_validate_json(merged)

    def options_of(self, stored: JsonObject) -> O:
        """Options as they were dumped to JSON."""
        preset: O = self.scales[Scale.QUICK]
        return type(preset).model_validate_json(json.dumps(stored))

    def describe(self) -> TemplateDescription:
        return TemplateDescription(
            name=self.name,
            claim=self.claim,
            source=self.source,
            statistic=inspect.cleandoc(self.__doc__ or ""),
            scales={
                scale: options.model_dump(mode="json") for scale, options in self.scales.items()
            },
            options=type(self.scales[Scale.QUICK]).model_json_schema(),
        )


def sweep(
    base: JsonObject,
    axes: Mapping[str, Any],
    *,
    seeds: int,
    mode: SweepMode = SweepMode.GRID,
    seeded: Sequence[str] = (),
) -> SweepSpec:
    """A sweep whose last axis is `seed`: 0 … seeds − 1 at each point of the others.

    With SweepMode.ZIP the other axes are equally long, and each of their points is repeated for
    every seed. `seeded` paths, such as `dataset.seed`, get the seed's value. Values are JSON
    values.
    """
    if seeded and mode is SweepMode.GRID:
        points = list(itertools.product(*axes.values()))
        axes = {axis: [point[i] for point in points] for i, axis in enumerate(axes)}
        mode = SweepMode.ZIP
    if mode is SweepMode.GRID:
        crossed = {**axes, "seed": {"range": seeds}}
    else:
        crossed = {axis: [v for v in values for _ in range(seeds)] for axis, values in axes.items()}
        times = len(next(iter(axes.values()))) if axes else 1
        crossed |= {path: list(range(seeds)) * times for path in (*seeded, "seed")}
    return SweepSpec.model_validate({"base": base, "axes": crossed, "mode": mode.value})
