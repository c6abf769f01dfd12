"""The training engine against a plain PyTorch loop, in one process and by turns.

    python -m benchmarks.engine [--quick] [--threads N] [--back-end native|stacked-torch]

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
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.jobs import cohort, job_spec
from benchmarks.plain_loop import PlainLoop
from service.domain.events import EpochEvent
from workers.training import train
from workers.training.chunk import BackEnd
from workers.training.native import native_library
from workers.training.native.chunk import NativeChunk, NativeKernel
from workers.training.stacked import StackedChunk, StackedTorch

CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True)
class StepTimes:
    """Microseconds per network and step."""

    steps: float
    """Of the optimizer steps with all that is measured in them: gradient norms, update ratios,
    kink hits and effective hits, divergence."""
    epochs: float
    """Of whole epochs: also the passes over the training and the validation part, which find
    losses, metrics, dead, dormant and saturated units, sparsity and rank, and the events."""


class PhaseClock:
    """Times what chunks spend in a phase of their epochs, over all lanes."""

    def __init__(self) -> None:
        self.laps_s: list[float] = []
        self._lock = threading.Lock()

    @property
    def spent_s(self) -> float:
        return sum(self.laps_s)

    @contextmanager
    def watching(self, kind: Any, phase: str, wanted: Callable[[Any], bool]) -> Iterator[None]:
        """`kind`: a class of chunks; `phase`: its method of one argument, timed where that is
        wanted."""
        original = getattr(kind, phase)

        def timed(chunk: Any, argument: Any) -> Iterator[None]:
            start = time.perf_counter()
            yield from original(chunk, argument)
            if wanted(argument):
                with self._lock:
                    self.laps_s.append(time.perf_counter() - start)

        setattr(kind, phase, timed)
        try:
            yield
        finally:
            setattr(kind, phase, original)


def engine_times(
    K: int, hidden: list[int], *, epochs: int, threads: int, back_end: BackEnd
) -> StepTimes:
    """A training of K members, from the end of epoch 1 on: what comes before fills the caches.
    The time in steps is that of all lanes divided by their number: they run side by side."""
    clock, lanes = PhaseClock(), min(K, threads)
    kind = NativeChunk if isinstance(back_end, NativeKernel) else StackedChunk
    with clock.watching(kind, "train_epoch", lambda epoch: epoch > 1):
        whole = engine_step_us(K, hidden, epochs=epochs, threads=threads, back_end=back_end)
    network_steps = (epochs - 1) * job_spec(0, hidden, 1).steps_per_epoch * K
    return StepTimes(steps=clock.spent_s / lanes / network_steps * 1e6, epochs=whole)


def engine_step_us(
    K: int,
    hidden: list[int],
    *,
    epochs: int,
    threads: int,
    back_end: BackEnd | None = None,
    device: torch.device = CPU,
    after_epoch: int = 1,
) -> float:
    """Microseconds per network and step of whole epochs of K members, events and all; of those
    after the given one."""
    torch.set_num_threads(1)  # the engine trains chunks side by side instead
    left, ends = [K] * (epochs + 1), [0.0] * (epochs + 1)
    members = cohort(K, hidden, epochs)
    for event in train(members, device=device, threads=threads, back_end=back_end):
        if isinstance(event, EpochEvent):
            left[event.metrics.epoch] -= 1
            if left[event.metrics.epoch] == 0:
                ends[event.metrics.epoch] = time.perf_counter()
    steps = members.spec.steps_per_epoch
    return (ends[-1] - ends[after_epoch]) / (epochs - after_epoch) / steps / K * 1e6


def alternate(
    K: int, hidden: list[int], *, turns: int, threads: int, back_end: BackEnd
) -> list[str]:
    """Medians of the turns: the plain loop, the engine's steps, its whole epochs, and how many
    times faster than the loop each of the two is."""
    plain, epochs = PlainLoop(job_spec(0, hidden, 1)), max(4, 40 // K)
    pairs = [
        (
            plain.step_us(epochs=8, threads=threads),
            engine_times(K, hidden, epochs=epochs, threads=threads, back_end=back_end),
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


def show(title: str, columns: list[str], rows: list[list[Any]]) -> None:
    """A table for people, in 110 columns."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(*map(str, row))
    Console(width=110).print(table)


def chosen_back_end(name: str) -> BackEnd:
    """By its name; the native one must be there."""
    library = native_library()
    if name == "stacked-torch" or library is None:
        return StackedTorch()
    return NativeKernel(library)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few turns, few sizes")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--back-end", choices=["native", "stacked-torch"], default="native")
    options = parser.parse_args()
    back_end, turns = chosen_back_end(options.back_end), 3 if options.quick else 9
    cases: dict[tuple[int, ...], tuple[int, ...]] = {
        (128, 128): (1, 64) if options.quick else (1, 4, 16, 64, 128)
    }
    if not options.quick:
        cases |= {(16, 16): (1, 16, 64, 128), (64, 64): (1, 64), (512, 512): (1, 8)}
    rows = [
        [
            hidden,
            K,
            *alternate(K, list(hidden), turns=turns, threads=options.threads, back_end=back_end),
        ]
        for hidden, counts in cases.items()
        for K in counts
    ]
    title = f"{back_end.name}: microseconds per network and step, {options.threads} threads"
    columns = ["hidden", "K", "plain loop", "steps", "faster", "whole epochs", "faster"]
    show(title, columns, rows)


if __name__ == "__main__":
    main()
