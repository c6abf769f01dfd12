"""The same engine on a CUDA device."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from service.domain.events import EpochEvent
from service.domain.spec import JobSpec
from tests.unit.engine.running import CPU, run_all
from workers.training import DeviceUnavailable, select_device, stacked
from workers.training.step import Stepper

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="NO CUDA DEVICE HERE")
CUDA = torch.device("cuda")


@pytest.fixture(autouse=True, scope="module")
def back_end() -> None:
    """Only stacked PyTorch trains on a GPU."""


ADAM = {"name": "adam", "learning_rate": 0.01, "clip_grad_norm": 1.0}


def members(count: int, **changes: Any) -> list[JobSpec]:
    """14 steps an epoch: 28 in two."""
    return [
        JobSpec.model_validate(
            {
                "dataset": {"name": "iris", "validation_fraction": 0.25},
                "network": {"hidden": [9, 5]},
                "activation": {"name": "relu", "derivative_at_zero": i / count},
                "loss": {"name": "cross_entropy"},
                "optimizer": {"learning_rate": 0.01 * (1 + i % 4)},
                "epochs": 2,
                "batch_size": 8,
                "seed": i,
                "precision": "float64",
            }
            | changes
        )
        for i in range(count)
    ]


def numbers(event: EpochEvent) -> dict[str, float]:
    """Everything measured in an epoch but the wall time."""
    found = event.metrics.model_dump(exclude={"seconds"})
    for layer in event.layers:
        found |= {f"{name}/{layer.layer}": value for name, value in layer.model_dump().items()}
    return {name: value for name, value in found.items() if value is not None}


def bits(specs: Sequence[JobSpec]) -> list[list[str]]:
    return [story.bits for story in run_all(specs, device=CUDA)]


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "sigmoid", "prelu"])
def test_cuda_agrees_with_the_cpu_for_28_steps(activation: str) -> None:
    """In float64 with 1e-9, as against the plain loop; ranks as there, 1e-5."""
    specs = members(5, activation={"name": activation})
    for there, here in zip(run_all(specs, device=CUDA), run_all(specs, device=CPU), strict=True):
        for mine, other in zip(there.epochs, here.epochs, strict=True):
            expected = numbers(other)
            assert numbers(mine).keys() == expected.keys()
            for name, value in numbers(mine).items():
                relative = 1e-5 if name.startswith("effective_rank") else 1e-9
                assert value == pytest.approx(expected[name], rel=relative, abs=1e-13), name


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize("precision", ["float64", "float32", "bfloat16", "float16"])
def test_a_member_is_the_same_in_every_stack_on_cuda(precision: str) -> None:
    specs = members(64, precision=precision)
    expected = bits(specs)
    assert [bits([specs[i]])[0] for i in (0, 6)] == [expected[0], expected[6]]
    assert bits(specs[:2]) == expected[:2]
    assert bits(specs[:7]) == expected[:7]
    assert bits(specs[::-1]) == expected[::-1]


@pytest.mark.gpu
@needs_cuda
def test_a_run_on_cuda_can_be_repeated() -> None:
    specs = members(3, activation={"name": "rrelu"})
    assert bits(specs) == bits(specs)


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"activation": {"name": "prelu"}, "optimizer": ADAM},
        {"network": {"hidden": [9, 5], "normalization": "batch"}, "precision": "bfloat16"},
        {"network": {"hidden": [9, 5], "normalization": "layer"}, "precision": "float16"},
        {
            "network": {"kind": "cnn", "channels": [4, 6], "hidden": [8]},
            "dataset": {"name": "digits"},
            "batch_size": 256,
        },
        {"dataset": {"name": "diabetes"}, "loss": {"name": "mae"}, "precision": "float32"},
    ],
    ids=str,
)
def test_a_recorded_program_has_the_numbers_of_one_that_is_launched_kernel_by_kernel(
    changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = members(5, epochs=5, **changes)
    recorded, replays = bits(specs), []
    replay = torch.cuda.CUDAGraph.replay

    def counted(graph: torch.cuda.CUDAGraph) -> None:
        replays.append(graph)
        replay(graph)

    with monkeypatch.context() as patch:
        patch.setattr(torch.cuda.CUDAGraph, "replay", counted)
        assert bits(specs) == recorded
    assert len(replays) == 4 + 5  # of five epochs of steps, and six of passes, all but the first
    monkeypatch.setattr(stacked, "records", lambda *_: False)
    assert bits(specs) == recorded
    assert bits(specs[3:4]) == recorded[3:4]


@pytest.mark.gpu
@needs_cuda
def test_weight_draws_are_judged_alike_in_every_stack_on_cuda() -> None:
    specs = members(3, epochs=0, precision="float16", probes={"bifurcation_draws": 45})
    together = bits(specs)
    assert [bits([spec])[0] for spec in specs] == together


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize("activation", ["relu", "prelu", "rrelu", "gelu"])
def test_no_step_makes_the_host_wait(activation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By PyTorch's own word; test_waiting.py says the same of the operations, without a GPU."""
    step, steps = Stepper.step, []

    def strict(self: Stepper, *args: Any) -> None:
        torch.cuda.set_sync_debug_mode("error")
        try:
            step(self, *args)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        steps.append(1)

    monkeypatch.setattr(Stepper, "step", strict)
    run_all(members(3, activation={"name": activation}), device=CUDA)
    assert len(steps) == 28


@pytest.mark.gpu
@needs_cuda
def test_auto_is_cuda_where_there_is_one() -> None:
    assert select_device("auto").type == "cuda"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_asking_for_cuda_where_there_is_none_says_what_to_do() -> None:
    with pytest.raises(DeviceUnavailable, match='"device": "auto"'):
        select_device("cuda")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_auto_is_the_cpu_where_there_is_no_cuda() -> None:
    assert select_device("auto") == CPU
