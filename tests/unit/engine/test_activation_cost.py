"""The cost of an activation: what is timed. How long it took is nobody's to test."""

from typing import Any, get_args

import pytest
import torch

from service.domain.activations import Activation, AnyActivation
from service.domain.spec import JobSpec
from tests.unit.engine.reference import activation_function
from tests.unit.engine.running import run_all
from workers.training import activation_cost as instrument
from workers.training.activation_cost import NAMES, module_of

KINDS: tuple[type[Activation], ...] = get_args(get_args(AnyActivation)[0])


def job(**changes: Any) -> JobSpec:
    return JobSpec.model_validate(
        {
            "dataset": {"name": "abs", "size": 60},
            "network": {"hidden": [5, 3]},
            "activation": {"name": "gelu"},
            "loss": {"name": "mse"},
            "optimizer": {"learning_rate": 0.1},
            "epochs": 1,
            "probes": {"activation_cost": True},
        }
        | changes
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_module_computes_what_the_activation_says(kind: type[Activation]) -> None:
    spec = kind.model_validate({"name": get_args(kind.model_fields["name"].annotation)[0]})
    module = module_of(spec).eval()
    z = torch.linspace(-4, 7, 101)
    slope = next((p.detach() for p in module.parameters()), None)
    assert torch.equal(module(z), activation_function(spec, slope)(z))


def test_parameters_reach_the_module() -> None:
    activation = job(activation={"name": "leaky_relu", "negative_slope": 0.5}).activation
    assert module_of(activation)(torch.tensor([-2.0])).item() == -1.0


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_each_member_is_timed_before_training_and_only_then(precision: str) -> None:
    for story in run_all([job(precision=precision, seed=seed) for seed in range(3)]):
        start, trained = (event.metrics.model_dump() for event in story.epochs)
        assert all(start[name] > 0 for name in NAMES)
        assert all(trained[name] is None for name in NAMES)


def test_activation_and_relu_take_turns_round_by_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """What else the machine does meets both. Of the rounds after the first ones the median is
    told, of each pass its own."""
    turns: list[str] = []

    def once(module: torch.nn.Module, *_: Any) -> tuple[float, float]:
        turns.append(type(module).__name__)
        round_of = (len(turns) - 1) // 2
        # Slow at first, as what is cold is.
        late = float(round_of) if round_of >= instrument._WARM_UP else 1e9
        return (late, late + 0.25) if turns[-1] == "GELU" else (late + 0.5, late + 0.75)

    monkeypatch.setattr(instrument, "_once", once)
    (story,) = run_all([job()])
    rounds = instrument._WARM_UP + instrument.ROUNDS
    assert turns == ["GELU", "ReLU"] * rounds
    told = story.epochs[0].metrics.model_dump()
    middle = instrument._WARM_UP + (instrument.ROUNDS - 1) / 2
    assert [told[name] for name in NAMES] == [middle + late for late in (0, 0.25, 0.5, 0.75)]


def test_nothing_is_timed_unless_asked_for() -> None:
    metrics = run_all([job(probes={})])[0].epochs[0].metrics.model_dump()
    assert all(metrics[name] is None for name in NAMES)
