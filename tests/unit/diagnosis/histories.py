"""Histories with a known answer."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from service.diagnosis import EPOCH_NAMES, LAYER_NAMES, History, diagnose
from service.domain.diagnosis import Code, Evidence, Finding
from service.domain.job import Job, StatusChange
from service.domain.limits import Limits
from service.domain.spec import JobSpec
from service.domain.states import JobStatus, Outcome, Reason

NAN, INF = float("nan"), float("inf")
_AT = datetime(2026, 11, 25, tzinfo=UTC)

DIGITS: dict[str, Any] = {
    "dataset": {"name": "digits"},
    "network": {"hidden": [100, 100]},
    "activation": {"name": "relu"},
    "loss": {"name": "cross_entropy"},
    "optimizer": {"learning_rate": 0.1},
    "epochs": 8,
}

LEARNS: dict[str, Sequence[Any]] = {
    "train_loss": [2.3, 0.9, 0.4, 0.2, 0.15, 0.12, 0.11, 0.105, 0.1],
    "train_metric": [0.1, 0.7, 0.9, 0.95, 0.96, 0.97, 0.98, 0.98, 0.99],
    "validation_loss": [2.3, 1.0, 0.5, 0.3, 0.25, 0.24, 0.24, 0.24, 0.24],
    "validation_metric": [0.1, 0.7, 0.88, 0.93, 0.94, 0.95, 0.95, 0.95, 0.95],
    "grad_norm_mean": [None, *[1.0] * 8],
    "grad_norm_max": [None, *[2.0] * 8],
    "dead_fraction": [0.0] * 9,
}
"""A training as it should be."""

Layers = dict[str, Sequence[Sequence[Any]]]
"""By column: a row per epoch, an entry per layer."""


def past(
    *,
    epochs: dict[str, Sequence[Any]] | None = None,
    layers: Layers | None = None,
    moves: Sequence[StatusChange] = (),
    spec: dict[str, Any] | None = None,
    **job: Any,
) -> History:
    """A job on DIGITS that learned as LEARNS does and whose layers are well, but for what is
    given. `epochs={}` is a job that measured nothing."""
    parsed = JobSpec.model_validate(DIGITS | (spec or {}))
    columns: dict[str, Sequence[Any]] = {} if epochs == {} else LEARNS | (epochs or {})
    count = max(map(len, columns.values()), default=0)
    if epochs:  # shorter series than LEARNS
        count = len(next(iter(epochs.values())))
    shown = {name: _long(columns.get(name, ()), count) for name in EPOCH_NAMES}
    shown["epoch"] = list(range(count))
    return History(
        job=_job(parsed, **job),
        moves=moves,
        epochs=shown,
        layer_rows=_rows(parsed, layers or {}, count),
    )


def _long(values: Sequence[Any], count: int) -> list[Any]:
    return [*values[:count], *[None] * (count - len(values))]


def _rows(spec: JobSpec, layers: Layers, count: int) -> dict[str, list[Any]]:
    widths = spec.network.hidden_widths
    usual = {"dead": 0, "dormant": 0, "saturated": 0, "kink_effective": 0}
    rows: dict[str, list[Any]] = {name: [] for name in LAYER_NAMES}
    for epoch in range(count):
        for layer, units in enumerate(widths):
            steps = {"grad_norm_mean": 1.0, "update_ratio": 0.001} if epoch else {}
            row = {"epoch": epoch, "layer": layer, "units": units} | usual | steps
            row |= {name: given[epoch][layer] for name, given in layers.items()}
            for name in LAYER_NAMES:
                rows[name].append(row.get(name))
    return rows


def _job(spec: JobSpec, **changes: Any) -> Job:
    fields: dict[str, Any] = {
        "id": f"job_{1:032x}",
        "name": None,
        "spec": spec,
        "status": JobStatus.SUCCEEDED,
        "outcome": Outcome.COMPLETED,
        "reason": None,
        "detail": None,
        "attempt": 1,
        "progress": 1.0,
        "warnings": [],
        "created_at": _AT,
        "started_at": _AT,
        "finished_at": _AT,
        "cancel_requested_at": None,
        "sweep_id": None,
        "study_id": None,
        "summary": None,
        "diverged_at_step": None,
        "environment": None,
    }
    return Job.model_validate(fields | changes)


def moved(seq: int, status: JobStatus, attempt: int, reason: Reason | None = None) -> StatusChange:
    return StatusChange(seq=seq, status=status, attempt=attempt, reason=reason, at=_AT)


def found(history: History) -> dict[Code, Finding]:
    """Findings by code; no code comes twice."""
    findings = diagnose(history, Limits())
    by_code = {one.code: one for one in findings}
    assert len(by_code) == len(findings)
    return by_code


def growing(ends: int) -> list[list[int]]:
    """Dead units of two layers over nine epochs: none in the second layer become `ends`."""
    return [[0, ends * min(epoch, 4) // 4] for epoch in range(9)]


def evidence(history: History, code: Code) -> list[Evidence]:
    return found(history)[code].evidence
