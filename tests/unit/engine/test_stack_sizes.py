"""How many members a stack of PyTorch's has: by memory, and without influence on any number."""

import pytest
import torch

from service.domain.spec import JobSpec
from tests.specs import job_spec
from workers.training.chunk import Setting
from workers.training.data import load
from workers.training.shapes import Shapes
from workers.training.stacked import GPU_BYTES, GPU_SHARE, StackedTorch
from workers.training.tensors import Batches, PartTensors

CPU = torch.device("cpu")


@pytest.fixture(autouse=True, scope="module")
def back_end() -> None:
    """Only stacked PyTorch has stacks."""


def setting(spec: JobSpec, device: str) -> Setting:
    """The data stay on the CPU: a size is counted, nothing is trained."""
    data, shapes = load(spec, None), Shapes.of(spec)
    return Setting(
        shapes=shapes,
        train=PartTensors.of(data.train, shapes, CPU),
        validation=PartTensors.of(data.validation, shapes, CPU),
        batches=Batches(data.train.count, spec.batch_size, shapes.tile),
        device=torch.device(device),
        optima={},
    )


def wide() -> JobSpec:
    """Weights and gradients of 2 x (64 x 1024 + 1024 x 1024 + 1024 x 16) floats: 9 MB, and some
    for the activations."""
    return job_spec(
        dataset={"name": "digits"},
        network={"hidden": [1024, 1024]},
        loss={"name": "cross_entropy"},
        batch_size=16,
    )


@pytest.mark.parametrize(
    ("free", "members"),
    [
        (1, 1),  # one member has to fit, whatever is said
        (GPU_SHARE * 10_000_000, 1),
        (GPU_SHARE * 20_000_000, 2),
        (GPU_SHARE * 170_000_000, 16),
    ],
)
def test_on_a_gpu_a_stack_takes_a_part_of_the_free_memory(free: int, members: int) -> None:
    asked: list[torch.device] = []

    def free_bytes(device: torch.device) -> int:
        asked.append(device)
        return free

    size = StackedTorch(free_bytes).chunk_size(setting(wide(), "cuda"))
    assert (size, asked) == (members, [torch.device("cuda")])


def test_more_free_memory_than_is_fast_makes_no_larger_stacks() -> None:
    enough = StackedTorch(lambda _device: GPU_SHARE * GPU_BYTES)
    plenty = StackedTorch(lambda _device: 100 * GPU_BYTES)
    assert enough.chunk_size(setting(wide(), "cuda")) == 64
    assert plenty.chunk_size(setting(wide(), "cuda")) == 64


def test_on_a_cpu_a_stack_fits_the_cache_and_nobody_asks_a_gpu() -> None:
    def free_bytes(_device: torch.device) -> int:
        raise AssertionError("there is none")

    assert StackedTorch(free_bytes).chunk_size(setting(wide(), "cpu")) == 1
