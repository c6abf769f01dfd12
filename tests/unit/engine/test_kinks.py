"""Where the kinks of activations and losses are hit, and when a hit has an effect."""

from typing import Any

import numpy as np
import pytest

from tests.unit.engine.quiet import EXAMPLES, RAW, job, relu, zeros
from tests.unit.engine.running import GiveDiabetes, run_all, run_one


def test_every_zero_preactivation_is_a_kink_hit() -> None:
    last = run_one(job(network=zeros([5, 3]))).last
    assert [layer.kink_hits for layer in last.layers] == [48 * 5, 48 * 3]
    assert last.metrics.kink_hits == 48 * 8


def test_no_hit_is_effective_where_nothing_comes_from_upstream() -> None:
    """Output weights of 0 let no gradient pass."""
    last = run_one(job(network=zeros([5, 3]), activation=relu(0.5))).last
    assert [layer.kink_effective for layer in last.layers] == [0, 0]
    assert last.metrics.kink_effective == 0


@pytest.mark.parametrize(("convention", "first"), [(None, 0), (0.0, 0), (0.5, 5), (-3.0, 5)])
def test_a_hit_is_effective_where_the_layers_above_let_a_gradient_pass(
    given_diabetes: GiveDiabetes, convention: float | None, first: int
) -> None:
    """All features are 0, so all pre-activations are; the weights are not. What reaches the first
    layer has passed the kinks of the second, by their convention."""
    given_diabetes(np.zeros((EXAMPLES, 10)), np.ones(EXAMPLES))
    last = run_one(job(dataset=RAW, activation=relu(convention))).last
    assert [layer.kink_hits for layer in last.layers] == [EXAMPLES * 5, EXAMPLES * 3]
    assert [layer.kink_effective for layer in last.layers] == [EXAMPLES * first, EXAMPLES * 3]


def test_kinks_are_counted_per_epoch() -> None:
    epochs = run_one(job(network=zeros([4]), epochs=3)).epochs
    assert [event.metrics.kink_hits for event in epochs] == [None, 192, 192, 192]


@pytest.mark.parametrize(
    ("name", "bias"),
    [
        ("relu6", 6.0),
        ("hardtanh", 1.0),
        ("hardtanh", -1.0),
        ("hardswish", 3.0),
        ("hardswish", -3.0),
    ],
)
def test_kinks_beside_0_are_hit(name: str, bias: float) -> None:
    last = run_one(job(network=zeros([4], bias), activation={"name": name})).last
    assert last.metrics.kink_hits == 48 * 4


@pytest.mark.parametrize(
    "activation",
    [{"name": "tanh"}, {"name": "softplus"}, {"name": "elu"}, {"name": "hardtanh"}],
    ids=lambda activation: activation["name"],
)
def test_0_is_no_kink_of_a_function_that_is_smooth_there(activation: dict[str, Any]) -> None:
    last = run_one(job(network=zeros([4]), activation=activation)).last
    assert (last.metrics.kink_hits, last.metrics.kink_effective) == (0, 0)


def test_members_without_a_kink_count_none_beside_members_with_one() -> None:
    """elu has a kink at 0 unless alpha is 1."""
    specs = [job(network=zeros([4]), activation={"name": "elu", "alpha": a}) for a in (1.0, 2.0)]
    assert [story.last.metrics.kink_hits for story in run_all(specs)] == [0, 48 * 4]


@pytest.mark.parametrize("precision", ["float64", "float32", "bfloat16", "float16"])
def test_a_batch_normalized_unit_with_constant_input_is_at_the_kink(
    given_diabetes: GiveDiabetes, precision: str
) -> None:
    """Every example is the same, so every unit is; and what is left of it is its shift, 0."""
    given_diabetes(np.full((EXAMPLES, 10), 0.1), np.ones(EXAMPLES))
    network = {"hidden": [5, 3], "normalization": "batch"}
    spec = job(dataset=RAW, network=network, precision=precision, batch_size=26)
    event = run_one(spec).last
    assert [layer.kink_hits for layer in event.layers] == [EXAMPLES * 5, EXAMPLES * 3]
    # Running statistics have not reached the constant after 17 steps: 0.9 ** 17 of it are left.
    assert event.layers[0].sparsity != 1.0


@pytest.mark.parametrize(("convention", "dead"), [(None, 1), (0.5, 0)])
def test_a_layer_normalized_over_one_unit_is_always_at_the_kink(
    convention: float | None, dead: int
) -> None:
    network = {"hidden": [1], "normalization": "layer"}
    event = run_one(job(network=network, activation=relu(convention))).last
    (layer,) = event.layers
    assert (layer.kink_hits, layer.dead, layer.sparsity) == (48, dead, 1.0)


def test_residuals_of_0_are_kink_hits_of_the_loss(given_diabetes: GiveDiabetes) -> None:
    """Whole-numbered targets of which 130 are 0, and a network that says 0 and learns nothing."""
    targets = np.arange(EXAMPLES) % 7 + 1.0
    targets[np.random.default_rng(0).permutation(EXAMPLES)[:130]] = 0
    given_diabetes(np.ones((EXAMPLES, 10)), targets)
    spec = job(dataset=RAW, loss={"name": "mae"}, network={"kind": "linear"}, epochs=2)
    epochs = run_one(spec).epochs
    assert [event.metrics.loss_kink_hits for event in epochs] == [None, 130, 130]
    assert [event.metrics.loss_kink_effective for event in epochs] == [None, 130, 130]


@pytest.mark.parametrize("convention", [0.0, 0.25, 1.0, -2.0])
def test_the_convention_of_the_loss_is_the_gradient_of_a_residual_of_0(
    given_diabetes: GiveDiabetes, convention: float
) -> None:
    """Only the bias can learn: one step from 0 takes it to -rate * convention."""
    given_diabetes(np.zeros((EXAMPLES, 10)), np.zeros(EXAMPLES))
    spec = job(
        dataset=RAW,
        loss={"name": "mae", "derivative_at_zero": convention},
        network={"kind": "linear"},
        optimizer={"learning_rate": 0.5},
        batch_size=EXAMPLES,
    )
    metrics = run_one(spec).last.metrics
    assert metrics.train_loss == pytest.approx(0.5 * abs(convention), rel=1e-14)
    assert metrics.grad_norm_last == pytest.approx(abs(convention), rel=1e-14)
    assert metrics.loss_kink_hits == EXAMPLES


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_a_smooth_loss_has_no_kinks(loss: str) -> None:
    dataset = {"name": "abs" if loss == "mse" else "blobs", "size": 60}
    metrics = run_one(job(dataset=dataset, loss={"name": loss})).last.metrics
    assert (metrics.loss_kink_hits, metrics.loss_kink_effective) == (0, 0)
