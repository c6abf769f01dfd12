"""Random cohorts, of everything that a plain loop in PyTorch trains as well."""

from typing import Any

from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from service.domain.spec import JobSpec
from tests.unit.engine.plain_cohorts import ACTIVATIONS, KINKED_DATA


@st.composite
def activations(draw: DrawFn) -> dict[str, Any]:
    chosen = dict(draw(st.sampled_from(ACTIVATIONS)))
    kinked = ("relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "selu")
    if chosen["name"] in kinked and draw(st.booleans()):
        chosen["derivative_at_zero"] = draw(st.floats(-2, 2))
        chosen["gradient_at_zero"] = draw(st.sampled_from(["chain_rule", "overwrite"]))
    return chosen


RESIDUALS = ["mse", "mae", "huber", "smooth_l1", "quantile"]
LABELS = ["cross_entropy", "bce", "hinge"]
LOSS_PARAMETERS = {"huber": "delta", "smooth_l1": "beta", "quantile": "q", "hinge": "margin"}


SCHEDULES: list[dict[str, Any]] = [
    {"name": "constant"},
    {"name": "step", "every": 1, "gamma": 0.5},
    {"name": "cosine"},
    {"name": "warmup", "steps": 3, "start_fraction": 0.2},
]


@st.composite
def losses(draw: DrawFn, name: str) -> dict[str, Any]:
    chosen: dict[str, Any] = {"name": name}
    if name in LOSS_PARAMETERS:
        chosen[LOSS_PARAMETERS[name]] = draw(st.floats(0.05, 0.95))
    if name in ("mae", "quantile", "hinge") and draw(st.booleans()):
        chosen["derivative_at_zero"] = draw(st.floats(-2, 2))
    return chosen


@st.composite
def networks(draw: DrawFn) -> dict[str, Any]:
    """A layer of few units, normalised, is nearly -1 and 1 and hangs on the rounding of what was
    nearly equal; one of a single unit is 0."""
    normalization = draw(st.sampled_from(["none", "batch", "layer"]))
    widths = st.integers(5 if normalization == "layer" else 1, 9)
    return {
        "hidden": draw(st.lists(widths, min_size=1, max_size=3)),
        "normalization": normalization,
    }


@st.composite
def images(draw: DrawFn) -> dict[str, Any]:
    pooling = draw(st.sampled_from(["none", "average", "max"]))
    return {
        "kind": "cnn",
        "channels": draw(st.lists(st.integers(1, 6), min_size=1, max_size=3)),
        "kernel_size": draw(st.sampled_from([1, 3, 5])),
        "pooling": pooling,
        "hidden": draw(st.lists(st.integers(5, 8), max_size=2)),
        "normalization": draw(st.sampled_from(["none", "batch", "layer"])),
    }


@st.composite
def cohorts(draw: DrawFn) -> list[JobSpec]:
    """One to four specs of one cohort key."""
    kinds: list[tuple[dict[str, Any], list[str]]] = [
        ({"name": "linear", "features": 3}, RESIDUALS),
        ({"name": "abs"}, RESIDUALS),
        ({"name": "blobs", "noise": 5.0, "centers": 4}, LABELS),
        ({"name": "two_moons"}, LABELS),
        (KINKED_DATA, LABELS),
        ({"name": "digits", "validation_fraction": 0.9}, LABELS),
    ]
    data, fitting = draw(st.sampled_from(kinds))
    loss = draw(st.sampled_from(fitting))
    drawn = {
        "size": draw(st.integers(10, 40)),
        "validation_fraction": draw(st.sampled_from([0, 0.2, 0.5])),
    }
    shared = {
        "dataset": {"scaling": draw(st.sampled_from(["standard", "minmax"]))}
        | data
        | ({} if data["name"] == "digits" else drawn),
        "network": draw(images() if data["name"] == "digits" else networks()),
        "epochs": draw(st.integers(0, 3)),
        # At most 28 steps in all: rounding errors grow.
        "batch_size": draw(st.integers(20 if data["name"] == "digits" else 5, 60)),
        "precision": "float64",
    }
    name = draw(st.sampled_from(["sgd", "adam", "adamw", "rmsprop"]))
    activation = draw(activations())
    rates = st.floats(1e-3, 0.02)
    # Gradients of kinked losses are sums of a few equal shares, which cancel to 0 in one order and
    # to 1e-17 in another, and normalised weights of one input have gradients of nearly 0: an eps
    # of 1e-8 would make steps of 1e-9 of that rounding.
    steady = {} if name == "sgd" else {"eps": 1e-3}
    specs = [
        JobSpec.model_validate(
            shared
            | {
                "activation": activation,
                "loss": draw(losses(loss)),
                "optimizer": steady
                | {
                    "name": name,
                    "learning_rate": draw(rates),
                    "weight_decay": draw(st.sampled_from([0.0, 0.01])),
                    "clip_grad_norm": draw(st.sampled_from([None, 0.3])),
                    "schedule": draw(st.sampled_from(SCHEDULES)),
                }
                | ({} if "adam" in name else {"momentum": draw(st.sampled_from([0.0, 0.7]))}),
                "seed": draw(st.integers(0, 2**63 - 1)),
            }
        )
        for _ in range(draw(st.integers(1, 4)))
    ]
    assume(not specs[0].normalizes_single_values)
    return specs
