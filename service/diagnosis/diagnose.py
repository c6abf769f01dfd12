"""From a job's history to its findings."""

from collections.abc import Callable, Iterator
from typing import Any

from pydantic import ValidationError

from service.diagnosis.history import History
from service.diagnosis.rules import conventions, endings, gradients, learning, units
from service.domain.base import JsonObject
from service.domain.diagnosis import Finding, Severity, Treatment
from service.domain.limits import Limits
from service.domain.spec import JobSpec
from service.domain.states import JobStatus
from service.planning import check

Rule = Callable[[History], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    endings.failed,
    endings.diverged,
    units.dead_layer,
    units.dead_units,
    units.born_dead,
    units.saturated_units,
    gradients.vanishing,
    gradients.exploding,
    learning.no_learning,
    learning.underfit,
    learning.still_improving,
    learning.overfit,
    learning.above_optimum,
    units.dormant_units,
    gradients.large_steps,
    conventions.convention_mattered,
    endings.cancelled,
    endings.interrupted,
    endings.not_trained,
)
"""Causes before what follows from them: findings of one severity come in this order."""

_URGENCY = list(Severity)


def diagnose(history: History, limits: Limits) -> list[Finding]:
    """All findings, the most severe first. Treatments that could not run here are left out."""
    found = [finding for rule in RULES for finding in rule(history)]
    if _came_through(history) and all(one.severity is Severity.INFO for one in found):
        found.insert(0, learning.healthy(history))
    found.sort(key=lambda finding: _URGENCY.index(finding.severity))
    spec = history.job.spec
    return [
        one.model_copy(
            update={"treatments": [t for t in one.treatments if treated(spec, t, limits)]}
        )
        for one in found
    ]


def _came_through(history: History) -> bool:
    is_trained = history.trained_epochs > 0 and bool(history.points("train_loss"))
    return history.job.status is JobStatus.SUCCEEDED and is_trained


def treated(spec: JobSpec, treatment: Treatment, limits: Limits) -> JobSpec | None:
    """The spec with the treatment's changes; None where that cannot run here."""
    document: Any = spec.model_dump(mode="json")
    for path, value in treatment.changes.items():
        document = _with(document, path.split("."), value)
    try:
        changed = JobSpec.model_validate(document)
    except ValidationError:
        return None
    return None if check(changed, limits) else changed


def _with(document: JsonObject, path: list[str], value: Any) -> JsonObject:
    first, *rest = path
    return document | {first: _with(document[first], rest, value) if rest else value}
