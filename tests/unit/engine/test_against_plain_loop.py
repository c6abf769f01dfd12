"""Every number of every event against one network in a plain autograd loop."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from numpy.typing import NDArray

from service.domain.spec import JobSpec
from tests.unit.engine.comparing import differences
from tests.unit.engine.running import is_told_already, run_all

GiveDiabetes = Callable[[NDArray[Any], NDArray[Any]], None]
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


@TASKS
@pytest.mark.parametrize("hidden", [[1], [13], [9, 4], [5, 17, 3]], ids=str)
def test_every_depth_and_width_agrees(task: dict[str, Any], hidden: list[int]) -> None:
    assert disagreements(cohort(**task, network={"hidden": hidden})) == {}


@TASKS
def test_a_linear_network_agrees(task: dict[str, Any]) -> None:
    assert disagreements(cohort(**task, network={"kind": "linear"})) == {}


@TASKS
@pytest.mark.parametrize(
    ("optimizer", "momenta"),
    [
        ({"name": "sgd"}, (0.5, 0.9)),
        ({"name": "sgd", "nesterov": True}, (0.5, 0.9)),
        ({"name": "sgd", "clip_grad_norm": 0.3}, (0.0,)),
        ({"name": "adam"}, (0.0,)),
        ({"name": "adam", "beta1": 0.5, "beta2": 0.9, "eps": 1e-4}, (0.0,)),
        ({"name": "adam", "clip_grad_norm": 0.3}, (0.0,)),
        ({"name": "sgd"}, (0.0, 0.9)),
        ({"name": "adamw"}, (0.0,)),
        ({"name": "adamw", "beta1": 0.5, "clip_grad_norm": 0.3}, (0.0,)),
        ({"name": "rmsprop"}, (0.0, 0.9)),
        ({"name": "rmsprop", "alpha": 0.5, "eps": 1e-3, "clip_grad_norm": 0.3}, (0.5,)),
        ({"name": "sgd", "schedule": {"name": "cosine", "final_fraction": 0.1}}, (0.0,)),
        ({"name": "adamw", "schedule": {"name": "step", "every": 1}}, (0.0,)),
        ({"name": "rmsprop", "schedule": {"name": "warmup", "steps": 7}}, (0.0, 0.5)),
    ],
    ids=[
        "momentum",
        "nesterov",
        "clipped",
        "adam",
        "other-adam",
        "clipped-adam",
        "some-momentum",
        "adamw",
        "clipped-adamw",
        "rmsprop",
        "clipped-rmsprop",
        "cosine",
        "step",
        "warmup",
    ],
)
def test_every_optimizer_agrees(
    task: dict[str, Any], optimizer: dict[str, Any], momenta: tuple[float, ...]
) -> None:
    assert disagreements(cohort(**task, optimizer=optimizer, momenta=momenta)) == {}


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


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda activation: activation["name"])
def test_every_activation_agrees(activation: dict[str, Any]) -> None:
    assert disagreements(cohort(**SQUARES, activation=activation)) == {}


@pytest.mark.parametrize(
    "init",
    [
        {"name": "kaiming_normal", "bias": 0.1},
        {"name": "kaiming_uniform"},
        {"name": "xavier_normal"},
        {"name": "xavier_uniform"},
        {"name": "lecun_normal"},
        {"name": "lecun_uniform"},
        {"name": "randomized_asymmetric"},
        {"name": "torch_default"},
        {"name": "orthogonal"},
        {"name": "normal", "scale": 0.3},
        {"name": "uniform", "scale": 0.3},
        {"name": "zeros", "bias": 0.01},
    ],
    ids=lambda init: init["name"],
)
def test_every_initialisation_agrees(init: dict[str, Any]) -> None:
    assert disagreements(cohort(**CLASSES, network={"hidden": [6, 5], "init": init})) == {}


@pytest.mark.parametrize("batch_size", [1, 2, 16, 37, 1000])
def test_every_batch_size_agrees(batch_size: int) -> None:
    assert disagreements(cohort(**CLASSES, batch_size=batch_size, epochs=2)) == {}


@pytest.mark.parametrize("name", ["digits", "iris", "wine", "breast_cancer"])
def test_real_classes_agree(name: str) -> None:
    specs = cohort(
        dataset={"name": name},
        loss={"name": "cross_entropy"},
        network={"hidden": [19, 11]},
        batch_size=64,
        epochs=1,
    )
    assert disagreements(specs) == {}


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "smooth_l1", "quantile"])
def test_real_targets_agree(loss: str) -> None:
    specs = cohort(
        dataset={"name": "diabetes", "scale_target": True},
        loss={"name": loss},
        network={"hidden": [19, 11]},
        batch_size=64,
        epochs=2,
    )
    assert disagreements(specs) == {}


def test_parts_that_are_longer_than_a_block_agree() -> None:
    specs = cohort(
        dataset={"name": "blobs", "size": 2500, "noise": 4.0},
        loss=CLASSES["loss"],
        batch_size=512,
        epochs=2,
    )
    assert disagreements(specs) == {}


@TASKS
@pytest.mark.parametrize("hidden", [[13], [9, 4], [5, 17, 3]], ids=str)
def test_single_precision_agrees_for_28_steps(task: dict[str, Any], hidden: list[int]) -> None:
    """4 steps an epoch: at most 28."""
    specs = cohort(**task, network={"hidden": hidden}, precision="float32", epochs=7)
    assert specs[0].epochs * specs[0].steps_per_epoch <= 28
    assert disagreements(specs) == {}


LOSSES: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
    (LINEAR, [{"name": "huber", "delta": delta} for delta in (0.1, 1.0, 10.0)]),
    (LINEAR, [{"name": "smooth_l1", "beta": beta} for beta in (0.1, 1.0, 10.0)]),
    (LINEAR, [{"name": "quantile", "q": q} for q in (0.1, 0.5, 0.8)]),
    (BLOBS, [{"name": "bce"}]),
    ({"name": "two_moons", "size": 50}, [{"name": "bce"}]),
    ({"name": "two_moons", "size": 50}, [{"name": "hinge", "margin": m} for m in (0.5, 1.0)]),
    (BLOBS, [{"name": "hinge", "margin": margin} for margin in (0.5, 1.0, 4.0)]),
]


@pytest.mark.parametrize(
    ("dataset", "losses"), LOSSES, ids=lambda one: one["name"] if isinstance(one, dict) else None
)
@pytest.mark.parametrize("network", [{"kind": "linear"}, {"hidden": [7, 5]}], ids=["linear", "mlp"])
def test_every_loss_agrees_with_other_parameters_in_the_same_stack(
    dataset: dict[str, Any], losses: list[dict[str, Any]], network: dict[str, Any]
) -> None:
    specs = [
        spec for loss in losses for spec in cohort(dataset=dataset, loss=loss, network=network)[:2]
    ]
    assert disagreements(specs) == {}


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


CONVENTIONS = (0.0, 0.3, 0.9, -2.0)


@pytest.mark.parametrize("loss", [{"name": "mae"}, {"name": "quantile", "q": 0.3}], ids=str)
def test_every_convention_agrees_where_residuals_are_0(
    given_diabetes: GiveDiabetes, loss: dict[str, Any]
) -> None:
    """Half of the targets are 0, which is what a network of zeros answers; so are half of the
    examples, for which it goes on to answer 0 for as long as its bias does not move."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((442, 10)) * (np.arange(442) % 2)[:, None]
    given_diabetes(features, rng.integers(0, 3, 442) * (np.arange(442) % 2).astype(float))
    specs = cohort(
        dataset={"name": "diabetes", "scaling": "none"},
        loss=loss,
        network={"kind": "linear"},
        batch_size=64,
    )
    losses = [specs[0].loss, *(specs[0].loss.model_copy(update=chosen(a)) for a in CONVENTIONS)]
    specs = [spec.model_copy(update={"loss": one}) for spec, one in zip(specs, losses, strict=True)]
    stories = run_all(specs)
    assert [differences(*pair) for pair in zip(specs, stories, strict=True)] == [[]] * len(specs)
    assert all((one.epochs[1].metrics.loss_kink_hits or 0) > 10 for one in stories)


def test_every_convention_agrees_where_margins_are_met() -> None:
    """32 examples, half of them x = 0 of one class and half x = 1 of the other, in one batch. The
    first step of rate 2 makes the outputs at x = 1 -1/2 and 1/2: exactly at the margin of 1."""
    specs = [
        spec.model_copy(update={"loss": spec.loss.model_copy(update=chosen(a))})
        for a, spec in zip(
            CONVENTIONS,
            cohort(
                dataset=KINKED_DATA | {"size": 40},
                loss={"name": "hinge"},
                network={"kind": "linear"},
                batch_size=64,
            ),
            strict=False,
        )
    ]
    plain = specs[0].optimizer.model_copy(update={"learning_rate": 2.0})
    specs = [spec.model_copy(update={"optimizer": plain}) for spec in specs]
    stories = run_all(specs)
    assert [differences(*pair) for pair in zip(specs, stories, strict=True)] == [[]] * len(specs)
    assert [one.epochs[2].metrics.loss_kink_hits for one in stories] == [16] * len(specs)
    assert len({one.epochs[2].metrics.grad_norm_last for one in stories}) == len(specs)


def chosen(convention: float) -> dict[str, float]:
    return {"derivative_at_zero": convention}


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("relu", {}),
        ("relu6", {}),
        ("leaky_relu", {}),
        ("prelu", {}),
        ("rrelu", {"lower": 0.3, "upper": 0.3}),
        ("elu", {"alpha": 2.0}),
        ("selu", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_convention_agrees_where_kinks_are_met(
    name: str, parameters: dict[str, float]
) -> None:
    conventions: list[dict[str, float]] = [
        {},
        *({"derivative_at_zero": value} for value in (0.0, 0.5, 1.0, -3.0)),
    ]
    specs = [
        JobSpec.model_validate(
            {
                "dataset": KINKED_DATA,
                "network": {"hidden": [5, 3]},
                "activation": {"name": name} | parameters | convention,
                "loss": {"name": "cross_entropy"},
                "optimizer": {"learning_rate": 0.05},
                "epochs": 2,
                "batch_size": 8,
                "seed": seed,
                "precision": "float64",
            }
        )
        for seed, convention in enumerate(conventions)
    ]
    stories = run_all(specs)
    assert [differences(*pair) for pair in zip(specs, stories, strict=True)] == [[]] * len(specs)
    assert all(sum(event.metrics.kink_hits or 0 for event in one.epochs) > 0 for one in stories)


@pytest.mark.parametrize("normalization", ["none", "batch"])
@pytest.mark.parametrize("name", ["relu", "relu6", "leaky_relu", "prelu", "selu"])
def test_a_convention_written_over_the_gradient_agrees(name: str, normalization: str) -> None:
    """With autograd functions of their own, in one stack with members that keep the chain rule.
    The last batch of 3 examples is padded, as are the layers of 5 and 3 units; with biases of 0
    the padding is at the kink too, where nothing may be written."""
    specs = [
        JobSpec.model_validate(
            {
                "dataset": KINKED_DATA | {"size": 44},
                "network": {"hidden": [5, 3], "normalization": normalization},
                "activation": {"name": name, "gradient_at_zero": form, "derivative_at_zero": a},
                "loss": {"name": "cross_entropy"},
                "optimizer": {"learning_rate": 0.05},
                "epochs": 2,
                "batch_size": 8,
                "precision": "float64",
            }
        )
        for form in ("overwrite", "chain_rule")
        for a in CONVENTIONS
    ]
    stories = run_all(specs)
    assert [differences(*pair) for pair in zip(specs, stories, strict=True)] == [[]] * len(specs)
    if normalization == "none":
        hits = [story.epochs[1].metrics for story in stories]
        assert all((one.kink_hits or 0) > 0 for one in hits)
        written = hits[: len(CONVENTIONS)]
        assert [one.kink_effective for one in written] == [one.kink_hits for one in written]
        assert all(
            over.grad_norm_mean != by_rule.grad_norm_mean
            for over, by_rule in list(zip(written, hits[len(CONVENTIONS) :], strict=True))[1:]
        )


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


@given(cohorts())
@settings(derandomize=True, max_examples=80, deadline=None)
def test_any_cohort_agrees(specs: list[JobSpec]) -> None:
    if is_told_already(specs[0]):
        return
    assert disagreements(specs) == {}
