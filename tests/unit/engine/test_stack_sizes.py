"""How many members a stack of PyTorch's has: by memory, and without influence on any number."""

import pytest
import torch

from service.domain.spec import JobSpec
from tests.specs import job_spec
from workers.training.chunk import Setting
from workers.training.data import load
from workers.training.shapes import Shapes
from workers.training.stacked import GPU_SHARE, StackedTorch
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
    ("hidden", "members"), [([16], 64), ([1024, 1024], 16), ([4096, 4096], 1)], ids=str
)
def test_on_a_gpu_the_spec_alone_says_how_many_are_stacked(hidden: list[int], members: int) -> None:
    network = wide().network.model_copy(update={"hidden": hidden})
    on_gpu = setting(wide().model_copy(update={"network": network}), "cuda")
    nothing = StackedTorch(lambda _device: 1)
    plenty = StackedTorch(lambda _device: 1_000_000_000_000)
    assert nothing.chunk_size(on_gpu) == plenty.chunk_size(on_gpu) == members


@pytest.mark.parametrize(
    ("free", "members"),
    [
        (1, 16),  # one stack has to fit, whatever is said
        (GPU_SHARE * 320_000_000, 32),
        (GPU_SHARE * 1_600_000_000, 160),
    ],
)
def test_on_a_gpu_as_many_stacks_train_as_the_free_memory_has_room_for(
    free: int, members: int
) -> None:
    asked: list[torch.device] = []

    def free_bytes(device: torch.device) -> int:
        asked.append(device)
        return free

    room = StackedTorch(free_bytes).room(setting(wide(), "cuda"))
    assert (room, asked) == (members, [torch.device("cuda")])


def test_on_a_cpu_a_stack_fits_the_cache_and_nobody_asks_a_gpu() -> None:
    def free_bytes(_device: torch.device) -> int:
        raise AssertionError("there is none")

    back_end, on_cpu = StackedTorch(free_bytes), setting(wide(), "cpu")
    assert back_end.chunk_size(on_cpu) == 1
    assert back_end.room(on_cpu) is None
