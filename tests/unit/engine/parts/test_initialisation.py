"""How weights start, against what torch.nn.init draws for a layer of the same size.

Tolerance: over n = 240,000 numbers a standard deviation is known to 1 / sqrt(2 n) = 0.15%, so 1%
is seven standard errors; a mean to std / 490, so 1.5% of std likewise.
"""

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from service.domain.networks import Init
from service.domain.spec import JobSpec
from tests.unit.engine.parts.trainings import (
    Parameters,
    final_parameters,
    initial_parameters,
    largest_difference,
)
from tests.unit.engine.running import run_all
from workers.training.initialisation import INITIALIZERS, initial_layer

FAN_IN, FAN_OUT = 600, 400

TORCH: dict[str, Any] = {
    "kaiming_normal": lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"),
    "kaiming_uniform": lambda w: nn.init.kaiming_uniform_(w, nonlinearity="relu"),
    "xavier_normal": nn.init.xavier_normal_,
    "xavier_uniform": nn.init.xavier_uniform_,
    "lecun_normal": lambda w: nn.init.kaiming_normal_(w, nonlinearity="linear"),
    "lecun_uniform": lambda w: nn.init.kaiming_uniform_(w, nonlinearity="linear"),
    "normal": lambda w: nn.init.normal_(w, std=0.3),
    "uniform": lambda w: nn.init.uniform_(w, -0.3, 0.3),
    "orthogonal": nn.init.orthogonal_,
    "zeros": nn.init.zeros_,
}
NORMAL = ("kaiming_normal", "xavier_normal", "lecun_normal", "normal")
UNIFORM = ("kaiming_uniform", "xavier_uniform", "lecun_uniform", "uniform")
BOUNDS = {
    "kaiming_uniform": math.sqrt(6 / FAN_IN),
    "xavier_uniform": math.sqrt(6 / (FAN_IN + FAN_OUT)),
    "lecun_uniform": math.sqrt(3 / FAN_IN),
    "uniform": 0.3,
}


def init(name: str, **changes: float) -> Init:
    scale = {"scale": 0.3} if name in ("normal", "uniform") else {}
    return Init.model_validate({"name": name, **scale, **changes})


def drawn(name: str, fan_in: int = FAN_IN, fan_out: int = FAN_OUT, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return initial_layer(init(name), fan_in, fan_out, generator)[0]


def by_torch(name: str) -> Tensor:
    """A torch.nn.Linear's weight, [D_out, D_in]."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        weight: Tensor = TORCH[name](torch.empty(FAN_OUT, FAN_IN, dtype=torch.float64))
    return weight


def spec_of(**changes: Any) -> JobSpec:
    return JobSpec.model_validate(
        {
            "dataset": {"name": "linear", "size": 20, "features": 7},
            "network": {"hidden": [6, 5]},
            "activation": {"name": "relu"},
            "loss": {"name": "mse"},
            "optimizer": {"learning_rate": 0.1},
            "epochs": 0,
        }
        | changes
    )


def test_the_references_cover_the_whole_catalogue() -> None:
    assert {*TORCH, "randomized_asymmetric", "torch_default"} == set(INITIALIZERS)


def test_torch_default_draws_weights_and_biases_as_a_linear_layer_does() -> None:
    """Against torch.nn.Linear's own: the same bound, evenly filled, for both."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        theirs = nn.Linear(FAN_IN, FAN_OUT, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    weight, bias = initial_layer(init("torch_default"), FAN_IN, FAN_OUT, generator)
    bound = 1 / math.sqrt(FAN_IN)
    assert (weight.shape, bias.shape) == ((FAN_IN, FAN_OUT), (FAN_OUT,))
    for ours, other in ((weight, theirs.weight), (bias, theirs.bias)):
        assert max(float(ours.abs().max()), float(other.detach().abs().max())) <= bound
        # 400 numbers know the deviation of a uniform distribution to 2.2%.
        assert float(ours.std()) == pytest.approx(bound / math.sqrt(3), rel=0.09)
        assert float(other.detach().std()) == pytest.approx(bound / math.sqrt(3), rel=0.09)
        assert float(ours.abs().max()) > 0.98 * bound


@pytest.mark.parametrize("name", [*NORMAL, *UNIFORM])
def test_mean_and_spread_are_torchs(name: str) -> None:
    ours, theirs = drawn(name), by_torch(name)
    assert ours.shape == (FAN_IN, FAN_OUT)
    assert float(ours.std()) == pytest.approx(float(theirs.std()), rel=0.01)
    assert abs(float(ours.mean())) < 0.015 * float(ours.std())


@pytest.mark.parametrize("name", NORMAL)
def test_normal_weights_have_the_normal_distributions_shares(name: str) -> None:
    """Within 1, 2 and 3 standard deviations; a share is known to 0.1%."""
    weight = drawn(name)
    for width in (1, 2, 3):
        share = float((weight.abs() < width * weight.std()).double().mean())
        assert share == pytest.approx(math.erf(width / math.sqrt(2)), abs=0.01)


@pytest.mark.parametrize("name", UNIFORM)
def test_uniform_weights_fill_torchs_bounds_evenly(name: str) -> None:
    weight, bound = drawn(name), BOUNDS[name]
    assert float(by_torch(name).abs().max()) <= bound
    assert 0.999 * bound < float(weight.max()) <= bound
    assert -bound <= float(weight.min()) < -0.999 * bound
    assert float((weight.abs() < bound / 2).double().mean()) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(("fan_in", "fan_out"), [(40, 30), (30, 40), (30, 30), (1, 5), (5, 1)])
def test_orthogonal_weights_keep_lengths_on_the_shorter_side(fan_in: int, fan_out: int) -> None:
    weight = drawn("orthogonal", fan_in, fan_out)
    assert weight.shape == (fan_in, fan_out)
    gram = weight.T @ weight if fan_in >= fan_out else weight @ weight.T
    torch.testing.assert_close(gram, torch.eye(len(gram), dtype=torch.float64), rtol=0, atol=1e-13)


def test_orthogonal_weights_prefer_no_sign() -> None:
    """Without the correction by R's diagonal, QR makes a first entry of one sign."""
    first = [float(drawn("orthogonal", 4, 4, seed)[0, 0]) for seed in range(200)]
    assert 60 < sum(value > 0 for value in first) < 140


def by_the_paper(fan_in: int, fan_out: int, seed: int) -> NDArray[np.float64]:
    """Weights and bias of each unit, [fan_out, fan_in + 1], as Lu et al. 2019 draw them."""
    rng = np.random.default_rng(seed)
    drawn: NDArray[np.float64] = rng.standard_normal((fan_out, fan_in + 1)) * 0.6007 / fan_in**0.5
    for unit in drawn:
        unit[rng.integers(fan_in + 1)] = rng.beta(2, 1)
    return drawn


def test_randomized_asymmetric_layers_are_distributed_as_in_the_paper() -> None:
    """Of 20,000 units with 4 inputs each. The largest difference of two samples' distribution
    functions is below 1.95 sqrt(2 / 20,000) = 0.0195 with probability 0.999."""
    generator = torch.Generator().manual_seed(0)
    weight, bias = initial_layer(init("randomized_asymmetric"), 4, 20_000, generator)
    ours, theirs = np.vstack([weight, bias[None]]).T, by_the_paper(4, 20_000, seed=1)
    for drawn, expected in (
        (ours[:, 4], theirs[:, 4]),
        (ours[:, 0], theirs[:, 0]),
        (ours.max(axis=1), theirs.max(axis=1)),
        (ours.min(axis=1), theirs.min(axis=1)),
        (ours.sum(axis=1), theirs.sum(axis=1)),
    ):
        points = np.sort(np.concatenate([drawn, expected]))
        gaps = [np.searchsorted(np.sort(one), points) / 20_000 for one in (drawn, expected)]
        assert np.abs(gaps[0] - gaps[1]).max() < 0.0195


def test_one_entry_of_each_randomized_asymmetric_unit_is_from_the_beta_distribution() -> None:
    """With 10,000 inputs the others are within 6 x 0.006 of 0, and a draw of Beta(2, 1) is not
    for 0.1% of units."""
    generator = torch.Generator().manual_seed(0)
    weight, bias = initial_layer(init("randomized_asymmetric"), 10_000, 500, generator)
    large = torch.cat([weight, bias[None]]) > 0.036
    assert large.sum(0).le(1).all()
    assert large.sum() >= 490
    shares = torch.cat([weight, bias[None]])[large]
    assert float(shares.max()) <= 1.0
    assert float(shares.mean()) == pytest.approx(2 / 3, abs=0.05)


def test_randomized_asymmetric_networks_have_fewer_units_born_dead() -> None:
    """Of deep narrow networks, which is what the paper is about."""

    def born_dead(name: str) -> int:
        dataset = {"name": "abs", "size": 64, "noise": 0.0, "scaling": "none"}
        network = {"hidden": [2] * 10, "init": {"name": name}}
        specs = [spec_of(dataset=dataset, network=network, seed=seed) for seed in range(100)]
        return sum(story.last.layers[-1].dead == 2 for story in run_all(specs))

    assert born_dead("kaiming_normal") > 30
    assert born_dead("randomized_asymmetric") < born_dead("kaiming_normal") / 2


def test_zeros_are_zero() -> None:
    assert not drawn("zeros").any()


@pytest.mark.parametrize("name", TORCH)
@pytest.mark.parametrize("bias", [0.0, -0.75])
def test_every_bias_of_a_network_starts_from_the_value_asked_for(
    name: str, bias: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = {"hidden": [6, 5], "init": init(name, bias=bias).model_dump()}
    parameters = initial_parameters(spec_of(network=network), monkeypatch)
    for layer_bias in parameters[1::2]:
        assert bool((layer_bias == bias).all())


def test_a_linear_network_starts_from_zeros_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weight, bias = initial_parameters(spec_of(network={"kind": "linear"}), monkeypatch)
    assert not weight.any()
    assert not bias.any()


def test_each_layer_is_drawn_for_its_own_fan_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard errors of 0.7% at most (200 x 50 weights)."""
    dataset = {"name": "linear", "size": 20, "features": 200}
    spec = spec_of(network={"hidden": [400, 50]}, dataset=dataset)
    first, _, second, *_ = initial_parameters(spec, monkeypatch)
    assert float(first.std()) == pytest.approx(math.sqrt(2 / 200), rel=0.05)
    assert float(second.std()) == pytest.approx(math.sqrt(2 / 400), rel=0.05)


def test_the_same_seed_gives_the_same_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = (initial_parameters(spec_of(seed=4), monkeypatch) for _ in range(2))
    assert largest_difference(one, two) == 0


def test_another_seed_gives_other_weights_in_every_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = (initial_parameters(spec_of(seed=seed), monkeypatch) for seed in (4, 5))
    for a, b in zip(one[::2], two[::2], strict=True):
        assert float((a - b).abs().min()) > 0


def test_layers_of_one_size_get_different_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of(network={"hidden": [7, 7]})
    first, _, second, *_ = initial_parameters(spec, monkeypatch)
    assert float((first - second).abs().min()) > 0


def test_precision_only_rounds_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    exact: Parameters = initial_parameters(spec_of(precision="float64"), monkeypatch)
    for precision, dtype in (("float32", torch.float32), ("float16", torch.float16)):
        ours = initial_parameters(spec_of(precision=precision), monkeypatch)
        assert largest_difference(ours, [p.to(dtype).double() for p in exact]) == 0


def test_a_members_weights_do_not_depend_on_its_cohort(monkeypatch: pytest.MonkeyPatch) -> None:
    inits = [
        init("randomized_asymmetric"),
        init("xavier_uniform", bias=0.5),
        init("orthogonal"),
        init("normal"),
        init("zeros"),
    ]
    specs = [
        spec_of(seed=seed, network={"hidden": [6, 5], "init": chosen.model_dump()})
        for seed, chosen in enumerate(inits)
    ]
    for spec, together in zip(specs, final_parameters(specs, monkeypatch), strict=True):
        assert largest_difference(together, initial_parameters(spec, monkeypatch)) == 0


@pytest.mark.parametrize("name", ["xavier_normal", "xavier_uniform", "kaiming_normal"])
def test_a_convolution_starts_with_the_spread_that_pytorch_gives_it(name: str) -> None:
    """40 channels to 600 through a window of 3 x 3: 216,000 numbers, known to 0.15%."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        theirs: Tensor = TORCH[name](torch.empty(600, 40, 3, 3, dtype=torch.float64))
    generator = torch.Generator().manual_seed(0)
    ours, _ = initial_layer(init(name), 40 * 9, 600, generator, window=9)
    assert ours.std().item() == pytest.approx(theirs.std().item(), rel=0.01)
