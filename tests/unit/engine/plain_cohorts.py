"""Cohorts that a plain loop in PyTorch trains as well, and where the two disagree."""

from typing import Any

import pytest

from service.domain.spec import JobSpec
from tests.unit.engine.comparing import differences
from tests.unit.engine.running import run_all

BLOBS = {"name": "blobs", "size": 53, "centers": 3, "features": 3, "noise": 4.0}
LINEAR = {"name": "linear", "size": 47, "features": 5}


VARIANTS: list[dict[str, Any]] = [
    {"learning_rate": 0.01, "weight_decay": 0.0},
    {"learning_rate": 0.03, "weight_decay": 0.01},
    {"learning_rate": 0.002, "weight_decay": 0.0},
    {"learning_rate": 0.0, "weight_decay": 0.1},
    {"learning_rate": 0.05, "weight_decay": 0.001},
]


def cohort(
    *,
    dataset: dict[str, Any],
    loss: dict[str, Any],
    activation: dict[str, Any] | None = None,
    optimizer: dict[str, Any] | None = None,
    momenta: tuple[float, ...] = (0.0,),
    **rest: Any,
) -> list[JobSpec]:
    """Five specs that share shapes and data and nothing else."""
    activation = activation or {"name": "relu"}
    conventions = (None, 0.5, 1.0, -2.0, 0.0) if activation["name"] == "relu" else (None,)
    specs = []
    for i, variant in enumerate(VARIANTS):
        convention = conventions[i % len(conventions)]
        chosen = {} if convention is None else {"derivative_at_zero": convention}
        momentum = momenta[i % len(momenta)]
        specs.append(
            JobSpec.model_validate(
                {
                    "dataset": dataset,
                    "network": {"hidden": [7, 5]},
                    "activation": activation | chosen,
                    "loss": loss,
                    "optimizer": variant
                    | (optimizer or {})
                    | ({"momentum": momentum} if momentum else {}),
                    "epochs": 3,
                    "batch_size": 11,
                    "seed": 10 * i,
                    "precision": "float64",
                    "probes": {"dormant_tau": 0.1 * i},
                }
                | rest
            )
        )
    return specs


def disagreements(specs: list[JobSpec]) -> dict[int, list[str]]:
    """By member, those with any."""
    stories = run_all(specs)
    found = {
        i: differences(spec, story)
        for i, (spec, story) in enumerate(zip(specs, stories, strict=True))
    }
    return {i: one for i, one in found.items() if one}


CLASSES: dict[str, Any] = {"dataset": BLOBS, "loss": {"name": "cross_entropy"}}
SQUARES: dict[str, Any] = {"dataset": LINEAR, "loss": {"name": "mse"}}
DISTANCES: dict[str, Any] = {"dataset": LINEAR, "loss": {"name": "mae", "derivative_at_zero": 0.3}}
TASKS = pytest.mark.parametrize("task", [CLASSES, SQUARES, DISTANCES], ids=["ce", "mse", "mae"])


ACTIVATIONS: list[dict[str, Any]] = [
    {"name": "relu"},
    {"name": "relu6"},
    {"name": "leaky_relu", "negative_slope": -0.3},
    {"name": "prelu", "init": 0.1},
    {"name": "rrelu", "lower": 0.2, "upper": 0.2},
    {"name": "elu", "alpha": 1.5},
    {"name": "selu"},
    # A number that float32 holds: PyTorch's own backward of celu rounds alpha to it.
    {"name": "celu", "alpha": 0.75},
    {"name": "gelu"},
    {"name": "silu"},
    {"name": "mish"},
    {"name": "softplus", "beta": 3.0},
    {"name": "sigmoid"},
    {"name": "tanh"},
    {"name": "hardtanh"},
    {"name": "softsign"},
    {"name": "hardswish"},
    {"name": "identity"},
]


KINKED_DATA: dict[str, Any] = {
    "name": "blobs",
    "size": 41,
    "centers": 2,
    "features": 1,
    "noise": 0.0,
    "scaling": "minmax",
}
"""The one feature is exactly 0 or 1, so where biases are 0 half of the examples meet the kink in
every layer."""
