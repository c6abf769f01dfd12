"""Specs for tests that need some job and do not care which."""

from typing import Any

from service.domain.spec import JobSpec

SMALL: dict[str, Any] = {
    "dataset": {"name": "abs", "size": 64},
    "network": {"hidden": [4]},
    "activation": {"name": "relu"},
    "loss": {"name": "mse"},
    "optimizer": {"learning_rate": 0.1},
    "epochs": 3,
}
"""A body of POST /v1/jobs that trains in no time."""

MINIMAL: dict[str, Any] = {
    "dataset": {"name": "digits"},
    "activation": {"name": "relu"},
    "loss": {"name": "cross_entropy"},
    "optimizer": {"learning_rate": 0.1},
}
"""What has to be said; all else has a default."""


def job_spec(**changes: Any) -> JobSpec:
    """SMALL with other values at its top level."""
    return JobSpec.model_validate(SMALL | changes)
