"""The reference: one network, trained by autograd as in any tutorial, without a probe."""

import statistics
import time
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from service.domain.spec import JobSpec
from workers.training.data import load


class PlainLoop:
    """`nn.Sequential`, `F.cross_entropy` and `torch.optim.SGD` on the data of a spec."""

    def __init__(self, spec: JobSpec, device: torch.device | None = None) -> None:
        """On the CPU unless told otherwise."""
        part, self._device = load(spec).train, device or torch.device("cpu")
        self._x = torch.from_numpy(part.features).float().to(self._device)
        self._y = torch.from_numpy(part.targets).to(self._device)
        self._batch = spec.batch_size
        torch.manual_seed(spec.seed)
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(spec.layer_widths):
            layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
        self._model = nn.Sequential(*layers[:-1]).to(self._device)
        rate = spec.optimizer.learning_rate
        self._optimizer = torch.optim.SGD(self._model.parameters(), lr=rate)

    def step_us(self, *, epochs: int, threads: int) -> float:
        """Microseconds per step: the median of some epochs."""
        torch.set_num_threads(threads)
        steps = -(-len(self._x) // self._batch)
        return statistics.median(self._timed_epoch() for _ in range(epochs)) / steps * 1e6

    def _timed_epoch(self) -> float:
        start = time.perf_counter()
        self.epoch()
        if self._device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    def epoch(self) -> None:
        """Every example once."""
        order = torch.randperm(len(self._x), device=self._device)
        for first in range(0, len(self._x), self._batch):
            batch = order[first : first + self._batch]
            loss = functional.cross_entropy(self._model(self._x[batch]), self._y[batch])
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
