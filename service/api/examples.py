"""The examples of the API's document. A test submits each spec and builds each problem."""

from datetime import UTC, datetime
from typing import Any

from service.domain.job import Job
from service.domain.metrics import EPOCH_COLUMNS, EpochMetrics
from service.domain.spec import JobSpec
from service.domain.states import JobStatus, Outcome

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


def _at(second: int) -> datetime:
    return datetime(2026, 11, 23, 14, 2, second, tzinfo=UTC)


JOB: dict[str, Any] = Job(
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
).model_dump(mode="json")

PAGE: dict[str, Any] = {"data": [JOB], "next_cursor": None}

EPOCHS: dict[str, Any] = {
    "job_id": JOB_ID,
    "columns": {name: [value] for name, value in JOB["summary"].items()},
}

UNITS: dict[str, Any] = {
    "job_id": JOB_ID,
    "layer": 0,
    "units": 2,
    "epochs": [0, 1, 2],
    "activity": [[0.41, 0.02], [0.44, 0.0], [0.47, 0.0]],
    "dead": [[False, False], [False, True], [False, True]],
    "lifecycles": [{"died": [], "revived": []}, {"died": [1], "revived": []}],
    "irreversible_fraction": 1.0,
}

EVENTS = (
    "event: status\n"
    'data: {"seq":2,"status":"running","attempt":1,"reason":null,"at":"2026-11-23T14:02:02.000Z"}\n'
    "id: 2-\n\n"
    "event: epoch\n"
    'data: {"epoch":0,"train_loss":2.31,…}\n'
    "id: 2-0\n\n"
)
