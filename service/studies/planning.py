"""A posted study into its template, options and first jobs; a round's sweeps into their members."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from service.domain.errors import FieldError, SpecRejected
from service.domain.job import SpecWarning
from service.domain.limits import Limits
from service.domain.spec import JobSpec
from service.domain.study import StudySpec
from service.domain.sweep import SweepSpec
from service.planning import expand
from service.studies.registry import find_template
from service.studies.template import Options, Sweeps, Template

Describe = Callable[[ValidationError], list[FieldError]]
"""How a document that is none of ours is told to its author."""


@dataclass(frozen=True, kw_only=True)
class PlannedSweep:
    """A sweep of a round, with its members, each of which may run here."""

    name: str
    sweep: SweepSpec
    members: list[tuple[JobSpec, list[SpecWarning]]]


@dataclass(frozen=True, kw_only=True)
class PlannedStudy:
    """A study that may be stored, and its first round."""

    template: Template[Any]
    options: Options
    first_round: list[PlannedSweep]


def plan_study(
    spec: StudySpec,
    limits: Limits,
    *,
    most_jobs: int,
    describe_options: Describe,
    describe_member: Describe,
) -> PlannedStudy:
    """Checks everything that can be known before it runs.

    Raises SpecRejected with pointers into the posted study: `/template`, `/overrides/…`.
    """
    template = find_template(spec.template)
    try:
        options = template.options(spec.scale, spec.overrides)
    except ValidationError as error:
        raise SpecRejected(describe_options(error)) from None
    planned = plan_round(template, template.plan(options), limits, describe_member)
    jobs = sum(len(one.members) for one in planned)
    if jobs > most_jobs:
        detail = f"the first round has {jobs:,} jobs, and the queue here takes {most_jobs:,}"
        raise SpecRejected([FieldError(pointer="/overrides", detail=detail)])
    return PlannedStudy(template=template, options=options, first_round=planned)


def plan_round(
    template: Template[Any], sweeps: Sweeps, limits: Limits, describe: Describe
) -> list[PlannedSweep]:
    """The sweeps of a round, named after the study. Raises SpecRejected, with `/overrides`."""
    return [_plan(template, name, sweep, limits, describe) for name, sweep in sweeps.items()]


def _plan(
    template: Template[Any], name: str, sweep: SweepSpec, limits: Limits, describe: Describe
) -> PlannedSweep:
    named = f"{template.name}/{name}"
    posted = sweep.model_copy(update={"name": named, "base": {"name": named, **sweep.base}})
    try:
        members = expand(posted, limits, describe, overwriting=template.overwrites_gradient)
    except SpecRejected as error:
        refused = [
            FieldError(
                pointer="/overrides",
                detail=f"with these options sweep {name!r} cannot run here: {one.pointer}: "
                f"{one.detail}",
            )
            for one in error.errors
        ]
        raise SpecRejected(refused) from None
    return PlannedSweep(
        name=name, sweep=posted, members=[(one.spec, one.warnings) for one in members]
    )


def describe_briefly(error: ValidationError) -> list[FieldError]:
    """Where nobody has better words."""
    return [
        FieldError(pointer="".join(f"/{part}" for part in one["loc"]), detail=one["msg"])
        for one in error.errors(include_url=False)
    ]
