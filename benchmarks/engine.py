"""The training engine against a plain PyTorch loop, in one process and by turns.

    python -m benchmarks.engine [--quick] [--threads N]

Work: digits, 64-128-128-10, relu, SGD, batch 64, float32; 23 steps an epoch. The plain loop has no
probe and evaluates nothing; the engine has every probe on, and passes over the whole training and
validation part after each epoch. Its steps and its whole epochs are shown. Loop and engine take
turns, so that whatever else the machine does hits both; shown are medians, and the median of the
turns' ratios.
"""

import argparse
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional

from service.domain.events import EpochEvent
from service.domain.spec import JobSpec
from workers.training import Cohort, Member, train
from workers.training.chunk import Chunk
from workers.training.data import load
from workers.training.network import Network
from workers.training.probes import ParameterNorms, RankSamples
from workers.training.step import Stepper

CONVENTIONS = (0.0, 0.5, 1.0, None)


def job_spec(seed: int, hidden: list[int], epochs: int) -> JobSpec:
    return JobSpec.model_validate(
        {
            "dataset": {"name": "digits"},
            "network": {"hidden": hidden},
            "activation": {"name": "relu", "derivative_at_zero": CONVENTIONS[seed % 4]},
            "loss": {"name": "cross_entropy"},
            "optimizer": {"learning_rate": 0.05 * (1 + seed % 8)},
            "epochs": epochs,
            "seed": seed,
        }
    )


@dataclass(frozen=True, kw_only=True)
class StepTimes:
    """Microseconds per network and step."""

    steps: float
    """Of the optimizer steps with all that is measured in them: gradient norms, update ratios,
    kink hits and effective hits, divergence."""
    epochs: float
    """Of whole epochs: also the passes over the training and the validation part, which find
    losses, metrics, dead, dormant and saturated units, sparsity and rank, and the events."""


class StepClock:
    """Adds up the time that chunks spend in the steps of their epochs, over all lanes."""

    def __init__(self) -> None:
        self.spent_s: dict[int, float] = {}
        self._lock = threading.Lock()

    @contextmanager
    def watching(self) -> Iterator[None]:
        original = Chunk._train_epoch

        def timed(chunk: Chunk, epoch: int) -> Iterator[None]:
            start = time.perf_counter()
            yield from original(chunk, epoch)
            with self._lock:
                spent = time.perf_counter() - start
                self.spent_s[epoch] = self.spent_s.get(epoch, 0.0) + spent

        Chunk._train_epoch = timed  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            Chunk._train_epoch = original  # type: ignore[method-assign]


def engine_times(K: int, hidden: list[int], *, epochs: int, threads: int) -> StepTimes:
    """A training of K members, from the end of epoch 1 on: what comes before fills the caches.
    The time in steps is that of all lanes divided by their number: they run side by side."""
    clock, lanes = StepClock(), min(K, threads)
    with clock.watching():
        whole = engine_step_us(K, hidden, epochs=epochs, threads=threads)
    network_steps = (epochs - 1) * job_spec(0, hidden, 1).steps_per_epoch * K
    in_steps = sum(spent for epoch, spent in clock.spent_s.items() if epoch > 1)
    return StepTimes(steps=in_steps / lanes / network_steps * 1e6, epochs=whole)


def engine_step_us(K: int, hidden: list[int], *, epochs: int, threads: int) -> float:
    """Microseconds per network and step of whole epochs of K members, events and all."""
    torch.set_num_threads(1)  # the engine trains chunks side by side instead
    members = tuple(Member(id=str(i), spec=job_spec(i, hidden, epochs)) for i in range(K))
    left, ends = [K] * (epochs + 1), [0.0] * (epochs + 1)
    cohort = Cohort(members=members)
    for event in train(cohort, device=torch.device("cpu"), threads=threads):
        if isinstance(event, EpochEvent):
            left[event.metrics.epoch] -= 1
            if left[event.metrics.epoch] == 0:
                ends[event.metrics.epoch] = time.perf_counter()
    steps = members[0].spec.steps_per_epoch
    return (ends[-1] - ends[1]) / (epochs - 1) / steps / K * 1e6


class PlainLoop:
    """One network, trained as in any tutorial."""

    def __init__(self, hidden: list[int]) -> None:
        spec = job_spec(0, hidden, 1)
        part = load(spec).train
        self._x = torch.from_numpy(part.features).float()
        self._y = torch.from_numpy(part.targets)
        self._batch = spec.batch_size
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise([64, *hidden, 10]):
            layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
        self._model = nn.Sequential(*layers[:-1])
        self._optimizer = torch.optim.SGD(self._model.parameters(), lr=0.05)

    def step_us(self, *, epochs: int, threads: int) -> float:
        """Microseconds per step: the median of some epochs."""
        torch.set_num_threads(threads)
        steps = -(-len(self._x) // self._batch)
        return statistics.median(self._epoch_s() for _ in range(epochs)) / steps * 1e6

    def _epoch_s(self) -> float:
        start = time.perf_counter()
        order = torch.randperm(len(self._x))
        for first in range(0, len(self._x), self._batch):
            batch = order[first : first + self._batch]
            loss = functional.cross_entropy(self._model(self._x[batch]), self._y[batch])
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
        return time.perf_counter() - start


def alternate(K: int, hidden: list[int], *, turns: int, threads: int) -> list[str]:
    """Medians of the turns: the plain loop, the engine's steps, its whole epochs, and how many
    times faster than the loop each of the two is."""
    plain, epochs = PlainLoop(hidden), max(4, 40 // K)
    pairs = [
        (
            plain.step_us(epochs=8, threads=threads),
            engine_times(K, hidden, epochs=epochs, threads=threads),
        )
        for _ in range(turns + 1)
    ][1:]
    loop = statistics.median(a for a, _ in pairs)
    cells = [f"{loop:.0f}"]
    for name in ("steps", "epochs"):
        ours = statistics.median(getattr(b, name) for _, b in pairs)
        ratio = statistics.median(a / getattr(b, name) for a, b in pairs)
        cells += [f"{ours:.1f}", f"{ratio:.2f}x"]
    return cells


def nothing(*_arguments: Any, **_named: Any) -> None:
    """Takes no time and does nothing."""


def no_eigenvalues(samples: RankSamples) -> dict[str, Tensor]:
    """Zeros where the eigenvalues of each hidden layer would be."""
    grams = samples.grams
    return {f"eigenvalues/{i}": gram[:, 0] for i, gram in enumerate(grams)}


Replacement = tuple[type, str, Callable[..., Any]]
PARTS: dict[str, list[Replacement]] = {
    "gradient norms, update ratios": [(ParameterNorms, "record", nothing)],
    "kink counts": [(Stepper, "_at_z", nothing), (Network, "chosen_zeros", nothing)],
    "effective rank": [
        (RankSamples, "take", nothing),
        (RankSamples, "eigenvalues", no_eigenvalues),
    ],
}


@contextmanager
def without(part: list[Replacement]) -> Iterator[None]:
    """A part of the engine does nothing. The numbers are then wrong, the time is not."""
    kept = [(owner, name, getattr(owner, name)) for owner, name, _ in part]
    for owner, name, replacement in part:
        setattr(owner, name, replacement)
    try:
        yield
    finally:
        for owner, name, method in kept:
            setattr(owner, name, method)


def cost(K: int, part: list[Replacement], *, turns: int, threads: int) -> float:
    """How many times longer an epoch is with a part than without it."""
    ratios = []
    for _ in range(turns):
        full = engine_step_us(K, [128, 128], epochs=max(4, 40 // K), threads=threads)
        with without(part):
            less = engine_step_us(K, [128, 128], epochs=max(4, 40 // K), threads=threads)
        ratios.append(full / less)
    return statistics.median(ratios)


def show(console: Console, title: str, columns: list[str], rows: list[list[Any]]) -> None:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(*map(str, row))
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few turns, few sizes")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    console, threads = Console(width=110), options.threads
    turns = 3 if options.quick else 9
    cases: dict[tuple[int, ...], tuple[int, ...]] = {
        (128, 128): (1, 64) if options.quick else (1, 4, 16, 64, 128)
    }
    if not options.quick:
        cases |= {(16, 16): (1, 16, 64, 128), (64, 64): (1, 64), (512, 512): (1, 8)}
    rows = []
    for hidden, counts in cases.items():
        for K in counts:
            cells = alternate(K, list(hidden), turns=turns, threads=threads)
            rows.append([hidden, K, *cells])
    title = f"Microseconds per network and step, {threads} threads, all probes on"
    columns = ["hidden", "K", "plain loop", "steps", "faster", "whole epochs", "faster"]
    show(console, title, columns, rows)
    costs = [
        [K, name, f"{cost(K, part, turns=turns, threads=threads):.2f}x"]
        for K in (1, 64)
        for name, part in PARTS.items()
    ]
    show(console, "An epoch with a part against one without", ["K", "part", "longer"], costs)


if __name__ == "__main__":
    main()
