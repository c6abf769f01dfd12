"""The bifurcation zone against plain autograd, which takes both conventions through every batch."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from service.domain.spec import JobSpec
from tests.unit.engine.reference import apply_activation, loss_of
from tests.unit.engine.running import CPU, run_all, run_one
from workers.training import initialisation
from workers.training.back_ends import choose_back_end
from workers.training.data import load
from workers.training.randomness import stream, stream_seed
from workers.training.stacked import StackedTorch

DRAWS = 40


@pytest.fixture
def whole_numbers(given_diabetes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Features and weights that are small whole numbers: forward passes are exact, in whatever
    order they add, and a pre-activation is exactly 0 in one of some hundred."""
    rng = np.random.default_rng(0)
    given_diabetes(rng.integers(-3, 4, (442, 10)).astype(float), rng.standard_normal(442))

    def draw(fan_in: int, fan_out: int, _init: Any, generator: torch.Generator) -> Tensor:
        return torch.randint(-9, 10, (fan_in, fan_out), generator=generator).double()

    monkeypatch.setitem(initialisation.INITIALIZERS, "kaiming_normal", draw)


def job(**changes: Any) -> JobSpec:
    return JobSpec.model_validate(
        {
            "dataset": {"name": "diabetes", "validation_fraction": 0.9, "scaling": "none"},
            "network": {"hidden": [3, 2]},
            "activation": {"name": "relu"},
            "loss": {"name": "mse"},
            "optimizer": {"learning_rate": 0.1},
            "epochs": 0,
            "batch_size": 13,
            "precision": "float64",
            "probes": {"bifurcation_draws": DRAWS},
        }
        | changes
    )


def zone_by_autograd(spec: JobSpec) -> tuple[int, list[int]]:
    """Draws whose gradients differ on any batch, and zeros by layer, whether or not any was hit."""
    part = load(spec).train
    x, target = torch.from_numpy(part.features), torch.from_numpy(part.targets)
    differing, zeros = 0, [0] * len(spec.network.hidden_widths)
    for i in range(spec.probes.bifurcation_draws):
        seed = stream_seed(spec.seed, "draw", i) if i else spec.seed
        layers = [
            initialisation.initial_layer(spec.network.init, *sides, stream(seed, "weights", layer))
            for layer, sides in enumerate(pairwise(spec.layer_widths))
        ]
        differs = False
        for inputs, wanted in zip(
            torch.split(x, spec.batch_size), torch.split(target, spec.batch_size), strict=True
        ):
            gradients: list[Tensor] = []
            for a in (0.0, 1.0):
                chosen = spec.activation.model_copy(update={"derivative_at_zero": a})
                leaf = layers[0][0].clone().requires_grad_()
                h = inputs
                for layer, (weight, bias) in enumerate(layers):
                    z = h @ (weight if layer else leaf) + bias
                    h = z
                    if layer < len(zeros):
                        zeros[layer] += int((z == 0).sum()) if a else 0
                        h = apply_activation(chosen, z, None)
                gradients += torch.autograd.grad(loss_of(spec.loss, h, wanted), leaf)
            differs |= not torch.equal(*gradients)
        differing += differs
    return differing, zeros


@pytest.mark.usefixtures("whole_numbers")
@pytest.mark.parametrize("hidden", [[2], [3, 2]], ids=str)
@pytest.mark.parametrize("form", ["chain_rule", "overwrite"])
@pytest.mark.parametrize("name", ["relu", "relu6"])
def test_the_zone_is_that_of_autograd(name: str, form: str, hidden: list[int]) -> None:
    """Among the draws are some without any zero, for which autograd has the same gradients, too:
    so nothing is lost by asking for gradients only where a zero was met."""
    activation = {"name": name, "derivative_at_zero": 0.5, "gradient_at_zero": form}
    spec = job(activation=activation, network={"hidden": hidden})
    event = run_one(spec).last
    expected, zeros = zone_by_autograd(spec)
    assert 0 < expected < DRAWS
    assert event.metrics.bifurcation_differing == expected
    assert [layer.bifurcation_zeros for layer in event.layers] == zeros
    assert event.metrics.bifurcation_zeros == sum(zeros)


@pytest.mark.usefixtures("whole_numbers")
def test_normalised_layers_are_taken_as_in_training() -> None:
    """Over one unit a layer is normalised to 0 exactly: every draw meets the kink, and no gradient
    passes the normalisation, so none differs."""
    network = {"hidden": [1], "normalization": "layer"}
    event = run_one(job(network=network)).last
    assert event.metrics.bifurcation_zeros == DRAWS * 44
    assert event.metrics.bifurcation_differing == 0


def test_a_zero_that_the_first_layer_does_not_feel_is_not_in_the_zone(given_diabetes: Any) -> None:
    """Features of 0 and biases of 0: all pre-activations are 0, and so is x in x' g."""
    given_diabetes(np.zeros((442, 10)), np.ones(442))
    metrics = run_one(job()).last.metrics
    assert metrics.bifurcation_zeros == DRAWS * 44 * 5
    assert metrics.bifurcation_differing == 0


def test_draws_are_the_same_in_any_company() -> None:
    """Half precision and small weights, so that sums are rounded to 0 now and then."""
    specs = [
        job(
            dataset={"name": "digits", "validation_fraction": 0.9, "scaling": "global_minmax"},
            network={"hidden": [40], "init": {"name": "normal", "scale": 1e-3}},
            loss={"name": "cross_entropy"},
            precision="float16",
            batch_size=50,
            probes={"bifurcation_draws": 20},
            seed=seed,
        )
        for seed in (0, 1)
    ]
    together = [story.last for story in run_all(specs)]
    alone = [run_one(spec).last for spec in specs]
    assert [one.layers for one in together] == [one.layers for one in alone]
    assert [one.metrics.bifurcation_differing for one in together] == [
        one.metrics.bifurcation_differing for one in alone
    ]
    assert all(one.metrics.bifurcation_zeros for one in alone)


def test_more_draws_go_on_where_fewer_ended(given_diabetes: Any) -> None:
    """The job's own weights are the first draw, and the others follow from its seed alone."""
    given_diabetes(np.zeros((442, 10)), np.ones(442))
    for draws in (1, 2, 7):
        metrics = run_one(job(probes={"bifurcation_draws": draws})).last.metrics
        assert metrics.bifurcation_zeros == draws * 44 * 5


def test_nothing_is_told_unless_asked_for() -> None:
    event = run_one(job(probes={})).last
    assert event.metrics.bifurcation_differing is None
    assert event.metrics.bifurcation_zeros is None
    assert [layer.bifurcation_zeros for layer in event.layers] == [None, None]


def test_the_zone_is_that_of_pytorchs_products() -> None:
    assert isinstance(choose_back_end(job(), CPU), StackedTorch)
