"""What an activation costs: seconds of PyTorch's own module, forward and backward, beside relu's.

On a tensor of the job's mini-batch times its widest hidden layer, in its precision and on its
device. Rounds take the activation and relu by turns, so that whatever else the machine does meets
both; of the rounds the median is told. Backward is autograd's, its own overhead included: that is
what a training pays. Timings: no two runs have the same.
"""

import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from service.domain.activations import Activation, Relu
from workers.training.arrays import Array
from workers.training.cohort import Member
from workers.training.shapes import Shapes

ROUNDS = 40
_WARM_UP = 5
_ALONE = threading.Lock()
"""Lanes that measured at a time would measure each other."""

NAMES = (
    "activation_forward_s",
    "activation_backward_s",
    "relu_forward_s",
    "relu_backward_s",
)


class ActivationCost:
    """Of K members, one after the other."""

    def __init__(self, members: Sequence[Member], shapes: Shapes, device: torch.device) -> None:
        self._members, self._dtype, self._device = members, shapes.storage, device
        self._medians: list[list[float]] = []

    def run(self) -> Iterator[None]:
        """Yields after each member's."""
        for member in self._members:
            # Lanes run in inference mode, which autograd knows nothing of.
            with _ALONE, torch.inference_mode(False), torch.enable_grad():
                self._medians.append(self._measure(member))
            yield None

    def readings(self) -> dict[str, Array]:
        """[K, 1] each."""
        table = np.array(self._medians)
        return {name: table[:, i : i + 1] for i, name in enumerate(NAMES)}

    def _measure(self, member: Member) -> list[float]:
        spec = member.spec
        rows = min(spec.batch_size, spec.training_examples)
        size = (rows, max(spec.network.hidden_widths))
        generator = torch.Generator().manual_seed(0)
        z = torch.randn(size, generator=generator).to(self._device, self._dtype).requires_grad_()
        upstream = torch.randn(size, generator=generator).to(self._device, self._dtype)
        modules = [
            module_of(one).to(self._device, self._dtype)
            for one in (spec.activation, Relu(name="relu"))
        ]
        watch = _watch(self._device)
        rounds = [
            [seconds for module in modules for seconds in _once(module, z, upstream, watch)]
            for _ in range(_WARM_UP + ROUNDS)
        ]
        return [statistics.median(times) for times in zip(*rounds[_WARM_UP:], strict=True)]


def module_of(activation: Activation) -> nn.Module:
    """PyTorch's, whose parameters have the names that ours have."""
    kind = getattr(nn, activation.torch_name.removeprefix("torch.nn."))
    unknown = {"name", "derivative_at_zero", "gradient_at_zero"}
    module: nn.Module = kind(**activation.model_dump(exclude=unknown))
    return module


_Watch = Callable[[Callable[[], Tensor]], tuple[Tensor, float]]
"""Does something, and says how many seconds it took the device."""


def _once(module: nn.Module, z: Tensor, upstream: Tensor, watch: _Watch) -> tuple[float, float]:
    h, forward = watch(lambda: module(z))
    _, backward = watch(lambda: torch.autograd.grad(h, z, upstream)[0])
    return forward, backward


def _watch(device: torch.device) -> _Watch:
    return _by_event if device.type == "cuda" else _by_clock


def _by_clock(work: Callable[[], Tensor]) -> tuple[Tensor, float]:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def _by_event(work: Callable[[], Tensor]) -> tuple[Tensor, float]:
    start, end = (
        torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]  # torch's
        for _ in range(2)
    )
    start.record()
    result = work()
    end.record()
    torch.cuda.synchronize()
    return result, start.elapsed_time(end) / 1000
