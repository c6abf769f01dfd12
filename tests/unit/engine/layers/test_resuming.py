"""Checkpoints and final weights of normalised and convolutional networks."""

from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from service.domain.spec import JobSpec
from tests.unit.engine.test_resuming import Shelf, interrupted, resumed, specs, whole
from workers.training.data import load

IMAGES: dict[str, Any] = {
    "dataset": {"name": "digits", "validation_fraction": 0.9},
    "network": {
        "kind": "cnn",
        "channels": [3, 5],
        "pooling": "max",
        "hidden": [4],
        "normalization": "batch",
    },
}


@pytest.mark.parametrize(
    "changes",
    [
        {"network": {"hidden": [9, 5], "normalization": "batch"}},
        {"network": {"hidden": [9, 5], "normalization": "layer"}, "precision": "bfloat16"},
        IMAGES,
    ],
    ids=["batch", "layer", "cnn"],
)
def test_a_resumed_training_has_the_same_numbers(changes: dict[str, Any]) -> None:
    optimizer = {"name": "adam", "learning_rate": 0.01}
    jobs = specs(3, optimizer=optimizer, epochs=4, **changes)
    expected, shelf = Shelf(), Shelf()
    stories = whole(jobs, expected)
    interrupted(jobs, shelf, after_epoch=2)
    assert len(shelf.checkpoints) == 3
    for story, whole_story in zip(resumed(jobs, shelf), stories, strict=True):
        assert 0 < len(story.epochs) < 4
        assert story.bits == whole_story.bits[-len(story.bits) :]
    assert shelf.final == expected.final


def loss_in_pytorch(spec: JobSpec, modules: nn.Sequential, weights: dict[str, Tensor]) -> float:
    """Of the training part, by modules that were given the weights in their order."""
    own = {name: value for name, value in modules.state_dict().items() if "num_" not in name}
    assert own.keys() == weights.keys()
    modules.load_state_dict(weights, strict=False)
    modules.eval()
    part = load(spec).train
    x, y = torch.from_numpy(part.features), torch.from_numpy(part.targets)
    with torch.no_grad():
        return nn.functional.cross_entropy(modules(x), y).item()


def named(**layers: nn.Module) -> nn.Sequential:
    modules = nn.Sequential()
    for name, module in layers.items():
        modules.add_module(name, module)
    return modules.double()


def trained(**changes: Any) -> tuple[JobSpec, float, dict[str, Tensor]]:
    shelf = Shelf()
    (spec,) = specs(1, precision="float64", epochs=2, **changes)
    (story,) = whole([spec], shelf)
    loss = story.last.metrics.train_loss
    assert loss is not None
    return spec, loss, safetensors.torch.load(shelf.final["0"])


def in_modules(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """`0.norm.weight` is the module n0's weight, and `0.weight` l0's."""
    renamed = {}
    for name, value in weights.items():
        layer, *rest = name.split(".")
        kind = "n" if rest[0] == "norm" else "l"
        renamed[f"{kind}{layer}.{rest[-1]}"] = value
    return renamed


def test_final_weights_of_a_convolutional_network_are_those_of_pytorchs_modules() -> None:
    spec, expected, weights = trained(**IMAGES)
    modules = named(
        image=nn.Unflatten(1, (1, 8, 8)),
        l0=nn.Conv2d(1, 3, 3, padding=1, bias=False),
        n0=nn.BatchNorm2d(3),
        a0=nn.ReLU(),
        p0=nn.MaxPool2d(2),
        l1=nn.Conv2d(3, 5, 3, padding=1, bias=False),
        n1=nn.BatchNorm2d(5),
        a1=nn.ReLU(),
        p1=nn.MaxPool2d(2),
        flat=nn.Flatten(),
        l2=nn.Linear(20, 4, bias=False),
        n2=nn.BatchNorm1d(4),
        a2=nn.ReLU(),
        l3=nn.Linear(4, 10),
    )
    found = loss_in_pytorch(spec, modules, in_modules(weights))
    assert found == pytest.approx(expected, rel=1e-12)


def test_final_weights_of_a_normalized_network_are_those_of_pytorchs_modules() -> None:
    spec, expected, weights = trained(network={"hidden": [9], "normalization": "layer"})
    modules = named(
        l0=nn.Linear(2, 9, bias=False), n0=nn.LayerNorm(9), a0=nn.ReLU(), l1=nn.Linear(9, 3)
    )
    found = loss_in_pytorch(spec, modules, in_modules(weights))
    assert found == pytest.approx(expected, rel=1e-12)
