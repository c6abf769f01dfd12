"""Examples of jobs, sweeps and what they measured."""

from datetime import UTC, datetime
from typing import Any

from service.domain.job import Job, StatusChange
from service.domain.metrics import EPOCH_COLUMNS, EpochMetrics
from service.domain.spec import JobSpec
from service.domain.states import JobStatus, Outcome
from service.domain.sweep import Sweep, SweepCounts, SweepProgress

SPECS: dict[str, dict[str, Any]] = {
    "convention": {
        "summary": "relu'(0) = 0.5 on handwritten digits",
        "value": {
            "name": "relu'(0)=0.5 on digits",
            "dataset": {"name": "digits"},
            "network": {"kind": "mlp", "hidden": [128, 128]},
            "activation": {"name": "relu", "derivative_at_zero": 0.5},
            "loss": {"name": "cross_entropy"},
            "optimizer": {"name": "sgd", "learning_rate": 0.1},
            "epochs": 20,
            "batch_size": 64,
            "seed": 0,
        },
    },
    "dead_units": {
        "summary": "A learning rate that kills units",
        "value": {
            "dataset": {"name": "digits"},
            "activation": {"name": "relu"},
            "loss": {"name": "cross_entropy"},
            "optimizer": {"name": "adam", "learning_rate": 0.03},
        },
    },
    "normalized": {
        "summary": "Does batch normalization keep units alive at the same rate?",
        "value": {
            "dataset": {"name": "digits"},
            "network": {"hidden": [128, 128], "normalization": "batch"},
            "activation": {"name": "relu"},
            "loss": {"name": "cross_entropy"},
            "optimizer": {"name": "adam", "learning_rate": 0.03},
        },
    },
    "convolution": {
        "summary": "Dead feature maps of a small convolutional network",
        "value": {
            "dataset": {"name": "digits"},
            "network": {"kind": "cnn", "channels": [8, 16], "pooling": "max", "hidden": [64]},
            "activation": {"name": "relu", "derivative_at_zero": 0.5},
            "loss": {"name": "cross_entropy"},
            "optimizer": {"learning_rate": 0.3},
        },
    },
    "linear": {
        "summary": "A linear network, absolute error, and its convention at residual 0",
        "value": {
            "dataset": {"name": "linear", "size": 512, "features": 8, "outliers": 0.05},
            "network": {"kind": "linear"},
            "activation": {"name": "identity"},
            "loss": {"name": "mae", "derivative_at_zero": 0.0},
            "optimizer": {"learning_rate": 0.05},
            "epochs": 50,
        },
    },
    "openml": {
        "summary": "A data set of openml.org, whose sizes are declared",
        "value": {
            "dataset": {
                "name": "openml",
                "openml_name": "wdbc",
                "version": 1,
                "examples": 569,
                "features": 30,
                "classes": 2,
            },
            "activation": {"name": "relu", "derivative_at_zero": 0.5},
            "loss": {"name": "cross_entropy"},
            "optimizer": {"learning_rate": 0.1},
        },
    },
}

_METRICS = {
    "epoch": 20,
    "train_loss": 0.0214,
    "train_metric": 0.9986,
    "validation_loss": 0.0832,
    "validation_metric": 0.975,
    "learning_rate": 0.1,
    "grad_norm_mean": 0.211,
    "grad_norm_max": 1.12,
    "grad_norm_last": 0.187,
    "dead_fraction": 0.0195,
    "dormant_fraction": 0.0352,
    "saturated_fraction": 0.0,
    "sparsity": 0.573,
    "kink_hits": 0,
    "kink_effective": 0,
    "seconds": 0.031,
}

JOB_ID = "job_019ab3c0f3e07d1fa3b5c1d2e3f40516"
OTHER_JOB_ID = "job_019ab3c0f3e07d1fa3b5c1d2e3f40517"


def _at(second: int) -> datetime:
    return datetime(2026, 11, 23, 14, 2, second, tzinfo=UTC)


_JOB = Job(
    id=JOB_ID,
    name="relu'(0)=0.5 on digits",
    spec=JobSpec.model_validate(SPECS["convention"]["value"]),
    status=JobStatus.SUCCEEDED,
    outcome=Outcome.COMPLETED,
    reason=None,
    detail=None,
    attempt=1,
    progress=1.0,
    warnings=[],
    created_at=_at(1),
    started_at=_at(2),
    finished_at=_at(3),
    cancel_requested_at=None,
    sweep_id=None,
    study_id=None,
    summary=EpochMetrics.model_validate(dict.fromkeys(EPOCH_COLUMNS) | _METRICS),
    diverged_at_step=None,
    environment={"torch": "2.13.0", "device": "cpu", "threads": 2},
)
JOB: dict[str, Any] = _JOB.model_dump(mode="json")

_WAITING = {
    "outcome": None,
    "progress": 0.0,
    "started_at": None,
    "finished_at": None,
    "summary": None,
    "environment": None,
}
QUEUED_JOB: dict[str, Any] = JOB | _WAITING | {"status": "queued", "attempt": 0}
CANCELLED_JOB: dict[str, Any] = QUEUED_JOB | {
    "status": "cancelled",
    "reason": "user",
    "detail": "Cancelled while queued.",
    "cancel_requested_at": JOB["finished_at"],
    "finished_at": JOB["finished_at"],
}

PAGE: dict[str, Any] = {"data": [JOB], "next_cursor": None}

EPOCHS: dict[str, Any] = {
    "job_id": JOB_ID,
    "epochs_per_point": 1,
    "columns": {name: [value] for name, value in JOB["summary"].items()},
}

EPOCHS_CSV = "epoch,train_loss\r\n0,2.31\r\n1,NaN\r\n"

_LAYER = {
    "epoch": [0, 0],
    "layer": [0, 1],
    "dead": [0, 3],
    "effective_rank": [27.4, 21.9],
}
LAYERS: dict[str, Any] = {"job_id": JOB_ID, "epochs_per_point": 1, "columns": _LAYER}
LAYERS_CSV = "epoch,layer,dead\r\n0,0,0\r\n0,1,3\r\n"

UNITS: dict[str, Any] = {
    "job_id": JOB_ID,
    "layer": 0,
    "units": 2,
    "epochs_per_point": 1,
    "epochs": [0, 1, 2],
    "activity": [[0.41, 0.02], [0.44, 0.0], [0.47, 0.0]],
    "dead": [[False, False], [False, True], [False, True]],
    "lifecycles": [{"died": [], "revived": []}, {"died": [1], "revived": []}],
    "irreversible_fraction": 1.0,
}

_STARTED = StatusChange(seq=2, status=JobStatus.RUNNING, attempt=1, reason=None, at=_at(2))
_ENDED = StatusChange(seq=3, status=JobStatus.SUCCEEDED, attempt=1, reason=None, at=_at(3))
_LAST_EPOCH = EpochMetrics.model_validate(JOB["summary"])
EVENTS = (
    f"event: status\ndata: {_STARTED.model_dump_json()}\nid: 2-\n\n"
    f"event: epoch\ndata: {_LAST_EPOCH.model_dump_json()}\nid: 2-20\n\n"
    f"event: status\ndata: {_ENDED.model_dump_json()}\nid: 3-20\n\n"
    f"event: end\ndata: {_JOB.model_dump_json()}\nid: 3-20-end\n\n"
)

_CONVENTION = {
    "pointer": "/activation/derivative_at_zero",
    "values": [0.5, None],
    "present": [True, True],
}
COMPARISON: dict[str, Any] = {
    "jobs": [JOB, JOB | {"id": OTHER_JOB_ID}],
    "differences": [_CONVENTION],
    "epochs": [0, 1, 2],
    "epochs_per_point": 1,
    "curves": [
        {
            "quantity": "train_loss",
            "values": [[2.31, 0.41, 0.22], [2.31, 0.41, "NaN"]],
            "first_differing_epoch": 2,
            "minimum": None,
            "maximum": None,
        }
    ],
    "first_differing_epoch": 2,
    "first_differing_step": None,
    "first_differing_layers": [],
}

SWEEP_SPECS: dict[str, dict[str, Any]] = {
    "conventions": {
        "summary": "Three conventions at six rates, ten seeds each",
        "value": {
            "name": "Does relu'(0) matter?",
            "base": {
                "dataset": {"name": "digits"},
                "activation": {"name": "relu"},
                "loss": {"name": "cross_entropy"},
                "epochs": 10,
            },
            "axes": {
                "activation.derivative_at_zero": [0, 0.5, 1],
                "optimizer.learning_rate": {"logspace": [0.01, 1, 6]},
                "seed": {"range": 10},
            },
            "mode": "grid",
        },
    },
    "zipped": {
        "summary": "Activations, each with a rate of its own",
        "value": {
            "base": {
                "dataset": {"name": "two_moons"},
                "loss": {"name": "cross_entropy"},
                "optimizer": {"name": "sgd"},
            },
            "axes": {
                "activation": [{"name": "relu"}, {"name": "tanh"}],
                "optimizer.learning_rate": [0.1, 0.3],
            },
            "mode": "zip",
        },
    },
}

SWEEP_ID = "swp_019ab3c0f3e07d1fa3b5c1d2e3f40516"

_SWEEP = Sweep(
    id=SWEEP_ID,
    **SWEEP_SPECS["conventions"]["value"],
    members=180,
    status=JobStatus.RUNNING,
    counts=SweepCounts(queued=52, running=64, succeeded=64),
    diverged=3,
    progress=0.53,
    study_id=None,
    created_at=_at(1),
    finished_at=None,
)
SWEEP: dict[str, Any] = _SWEEP.model_dump(mode="json")
QUEUED_SWEEP: dict[str, Any] = SWEEP | {
    "status": "queued",
    "counts": SweepCounts(queued=180).model_dump(),
    "diverged": 0,
    "progress": 0.0,
}
SWEEP_PAGE: dict[str, Any] = {"data": [SWEEP], "next_cursor": None}

_CELL = {
    "n": 10,
    "mean": 0.9661,
    "standard_deviation": 0.0052,
    "interval": {"low": 0.9624, "high": 0.9698},
    "members": 10,
    "diverged": 0,
    "missing": 0,
    "not_finite": 0,
    "state": "complete",
}
_DIVERGED_CELL = dict.fromkeys(("mean", "standard_deviation", "interval")) | {
    "n": 0,
    "members": 10,
    "diverged": 10,
    "missing": 0,
    "not_finite": 0,
    "state": "diverged",
}
TABLE: dict[str, Any] = {
    "sweep_id": SWEEP_ID,
    "quantity": "validation_metric",
    "rows": {"axes": ["activation.derivative_at_zero"], "values": [[0]]},
    "columns": {"axes": ["optimizer.learning_rate"], "values": [[0.1], [1]]},
    "over": ["seed"],
    "confidence": 0.95,
    "cells": [[_CELL, _DIVERGED_CELL]],
}

_PROGRESS = SweepProgress.model_validate({name: SWEEP[name] for name in SweepProgress.model_fields})
SWEEP_EVENTS = f"event: progress\ndata: {_PROGRESS.model_dump_json()}\nid: 372-1344\n\n"

_THROUGHPUT = {"stacks": 9, "flops_per_second": 1.9e10, "lanes": 2}
JOB_PLAN: dict[str, Any] = {
    "steps": 460,
    "flops": 5_941_963_264,
    "memory_bytes": 929_636,
    "estimated_seconds": 0.23,
    "measured": _THROUGHPUT,
    "parameters": 26_122,
    "warnings": [],
}
_RATE_WARNING = {
    "code": "outside_subdifferential",
    "pointer": "/activation/derivative_at_zero",
    "detail": "3.0 is no element of the Clarke subdifferential [0, 1] of relu at 0",
    "members": 60,
}
SWEEP_PLAN: dict[str, Any] = JOB_PLAN | {
    "steps": 41_400,
    "flops": 543_140_075_520,
    "memory_bytes": 30_061_844,
    "estimated_seconds": 11.2,
    "members": 180,
    "cohorts": 3,
    "largest_cohort": 64,
    "slots": 1,
    "warnings": [_RATE_WARNING],
}
