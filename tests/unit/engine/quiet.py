"""A small job on which nothing moves, so that what is measured can be told by hand."""

from typing import Any

from service.domain.metrics import LayerMetrics
from service.domain.spec import JobSpec
from tests.unit.engine.running import run_one

RAW = {"name": "diabetes", "validation_fraction": 0, "scaling": "none"}
EXAMPLES = 442


def job(**changes: Any) -> JobSpec:
    """48 examples of one feature, two hidden layers, full of biases that are 0."""
    return JobSpec.model_validate(
        {
            "dataset": {"name": "abs", "size": 60},
            "network": {"hidden": [5, 3]},
            "activation": {"name": "relu"},
            "loss": {"name": "mse"},
            "optimizer": {"learning_rate": 0.0},
            "epochs": 1,
            "batch_size": 10,
            "precision": "float64",
        }
        | changes
    )


def zeros(hidden: list[int], bias: float = 0.0) -> dict[str, Any]:
    """A network whose first pre-activations are all exactly `bias`."""
    return {"hidden": hidden, "init": {"name": "zeros", "bias": bias}}


def relu(convention: float | None) -> dict[str, Any]:
    chosen = {} if convention is None else {"derivative_at_zero": convention}
    return {"name": "relu"} | chosen


def layer_at_start(spec: JobSpec) -> LayerMetrics:
    """The first hidden layer at initialisation."""
    return run_one(spec).epochs[0].layers[0]
