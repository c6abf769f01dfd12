"""Within a step the host never waits for the device: on a GPU every wait costs more than a step.

Checked without a GPU: the path that a GPU takes (nobody looks whether a kink was hit) is run on the
CPU, and each operation of it is seen. Those that hand a value of a tensor to the host, or whose
result's size depends on values, are the ones that would wait."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from service.domain.spec import JobSpec
from tests.specs import job_spec
from tests.unit.engine.running import run_all
from workers.training import network as network_module
from workers.training.stacked import StackedTorch
from workers.training.step import Stepper


@pytest.fixture(autouse=True, scope="module")
def back_end() -> None:
    """Only stacked PyTorch trains on a GPU."""


WAITING = (
    "aten::item",  # also bool() and float()
    "aten::_local_scalar_dense",
    "aten::nonzero",
    "aten::masked_select",
    "aten::_unique2",
    "aten::equal",
    "aten::is_nonzero",
    "aten::repeat_interleave",
)


class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch has no types for it
    """Notes the operations that wait, while `is_on`."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen = 0
        self.waits: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name, _, _ = str(func.name()).partition(".")
        self.seen += 1
        masks = name.startswith("aten::index") and any(
            getattr(index, "dtype", None) == torch.bool
            for group in args
            if isinstance(group, list | tuple)
            for index in group
        )
        if name in WAITING or masks:
            self.waits.append(name)
        return func(*args, **(kwargs or {}))


@contextmanager
def watched(patch: pytest.MonkeyPatch, *, as_on_a_gpu: bool) -> Iterator[Watch]:
    watch, step = Watch(), Stepper.step
    make = network_module.Network.__init__

    def unlooking(self: Any, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        self.may_look = not as_on_a_gpu

    def watched_step(self: Stepper, *args: Any) -> None:
        with watch:
            step(self, *args)

    with patch.context() as inner:
        inner.setattr(network_module.Network, "__init__", unlooking)
        inner.setattr(Stepper, "step", watched_step)
        yield watch


CASES: list[dict[str, Any]] = [
    {},
    {"activation": {"name": "prelu"}},
    {"activation": {"name": "hardtanh"}},
    {"activation": {"name": "rrelu"}},
    {"loss": {"name": "hinge"}},
    {"optimizer": {"name": "adamw", "learning_rate": 0.01, "clip_grad_norm": 0.5}},
    {"optimizer": {"learning_rate": 0.01, "momentum": 0.9, "weight_decay": 0.1}},
    {"network": {"hidden": [6, 5], "normalization": "batch"}},
    {"precision": "bfloat16"},
]


def specs(changes: dict[str, Any]) -> list[JobSpec]:
    body: dict[str, Any] = {
        "dataset": {"name": "iris"},
        "network": {"hidden": [6, 5]},
        "loss": {"name": "cross_entropy"},
        "epochs": 1,
        "batch_size": 32,
    }
    return [job_spec(**(body | changes), seed=seed) for seed in range(2)]


@pytest.mark.parametrize("changes", CASES, ids=str)
def test_no_step_waits_for_a_gpu(changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with watched(monkeypatch, as_on_a_gpu=True) as watch:
        run_all(specs(changes), back_end=StackedTorch())
    assert watch.seen > 100
    assert watch.waits == []


def test_the_watch_sees_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU a step looks whether a kink was hit, which is a wait."""
    with watched(monkeypatch, as_on_a_gpu=False) as watch:
        run_all(specs({}), back_end=StackedTorch())
    assert set(watch.waits) == {"aten::item"}


def test_a_gpus_path_gives_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = run_all(specs({}), back_end=StackedTorch())
    with watched(monkeypatch, as_on_a_gpu=True):
        unlooking = run_all(specs({}), back_end=StackedTorch())
    assert [story.bits for story in unlooking] == [story.bits for story in usual]
