"""What measuring costs, how near the arithmetic comes to the machine's, and what memory it takes.

    python -m benchmarks.costs [--turns N]

- Step probes: the optimizer steps of the kernel against those of the same kernel compiled without
  gradient norms, weight norms and kink counts: the median of the rounds, and the best epochs.
- Full pass: steps and the pass over the training part after each epoch (losses, dead, dormant and
  saturated units, sparsity, rank) against the steps alone.
- Arithmetic: the operations of the bare kernel's matrix products per second and core, against
  PyTorch's products of two 1024 x 1024 matrices on one core: the median of its epochs against the
  median of the products, and the best against the best, which on a machine whose cores others share
  too is the nearest to what either can do.
- Memory: what a process of K members of 2 x 512 with momentum needs beyond one of a single member,
  for each, against weights, gradients and momentum.
"""

import argparse
import multiprocessing
import resource
import statistics
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch

from benchmarks.engine import CPU, PhaseClock, engine_step_us, show
from benchmarks.jobs import cohort, job_spec
from workers.training import train
from workers.training.native import NativeKernel, native_library
from workers.training.native.build import build
from workers.training.native.chunk import NativeChunk
from workers.training.native.interface import Library

WIDTHS = ([16, 16], [64, 64], [128, 128], [512, 512])
MOMENTUM = {"optimizer": {"learning_rate": 0.01, "momentum": 0.9}}


@dataclass(frozen=True, kw_only=True)
class Laps:
    """Microseconds of a core per network and step, of each epoch from the second on."""

    steps: list[float]
    passes: list[float]
    """Over the training part."""

    @property
    def with_passes(self) -> float:
        """How many times longer an epoch is with its pass than without."""
        return 1 + statistics.median(self.passes) / statistics.median(self.steps)


def laps(kernel: NativeKernel, K: int, hidden: list[int], epochs: int) -> Laps:
    steps, passes = PhaseClock(), PhaseClock()
    with (
        steps.watching(NativeChunk, "train_epoch", lambda epoch: epoch > 1),
        passes.watching(NativeChunk, "evaluate", lambda part: part == "train"),
    ):
        engine_step_us(K, hidden, epochs=epochs, threads=1, back_end=kernel)
    each = 1e6 / K / job_spec(0, hidden, 1).steps_per_epoch
    return Laps(
        steps=[lap * each for lap in steps.laps_s], passes=[lap * each for lap in passes.laps_s[2:]]
    )


def step_flops(hidden: list[int]) -> int:
    """Of the matrix products of a step: forward, the weights' gradients, and from the second layer
    on the gradient that is passed back."""
    spec = job_spec(0, hidden, 1)
    sizes = [i * o for i, o in pairwise(spec.layer_widths)]
    batch = spec.training_examples / spec.steps_per_epoch
    return round(2 * batch * (2 * sum(sizes) + sum(sizes[1:])))


def sgemm_gflops(products: int = 20) -> list[float]:
    """PyTorch's on one core, product by product."""
    torch.set_num_threads(1)
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    out = torch.empty(1024, 1024)
    rates = []
    for _ in range(products):
        start = time.perf_counter()
        torch.mm(a, b, out=out)
        rates.append(2 * 1024**3 / (time.perf_counter() - start) / 1e9)
    return rates


def probe_rows(turns: int, full: NativeKernel, bare: NativeKernel) -> list[list[str]]:
    rows = []
    for hidden in WIDTHS:
        K, epochs = 8, 20 if hidden[0] < 512 else 6
        rounds = [
            (laps(full, K, hidden, epochs), laps(bare, K, hidden, epochs), sgemm_gflops())
            for _ in range(turns)
        ]
        probes = statistics.median(
            statistics.median(a.steps) / statistics.median(b.steps) for a, b, _ in rounds
        )
        of_best = min(min(a.steps) for a, _, _ in rounds) / min(min(b.steps) for _, b, _ in rounds)
        whole = statistics.median(a.with_passes for a, _, _ in rounds)
        ours = [step_flops(hidden) / us / 1e3 for _, b, _ in rounds for us in b.steps]
        theirs = [rate for _, _, rates in rounds for rate in rates]
        rows.append(
            [
                str(hidden),
                f"{probes:.2f}x; {of_best:.2f}x",
                f"{whole:.2f}x",
                *(f"{of(ours):.0f} of {of(theirs):.0f}" for of in (statistics.median, max)),
                *(f"{of(ours) / of(theirs):.0%}" for of in (statistics.median, max)),
            ]
        )
    return rows


def peak_bytes(K: int) -> int:
    """The most memory that a process has while it trains K members."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_train_and_weigh, (K,))


def _train_and_weigh(K: int) -> int:
    torch.set_num_threads(1)
    for _ in train(cohort(K, [512, 512], 1, **MOMENTUM), device=CPU, threads=2):
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def memory_row(K: int) -> list[str]:
    each = (peak_bytes(K) - peak_bytes(1)) / (K - 1)
    least = 3 * 4 * job_spec(0, [512, 512], 1).parameter_count
    return [str(K), f"{each / 1e6:.2f}", f"{least / 1e6:.2f}", f"{each / least:.2f}x"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=7)
    turns = parser.parse_args().turns
    library = native_library()
    if library is None:
        raise SystemExit("The native kernel cannot be built here.")
    with tempfile.TemporaryDirectory() as folder:
        path = build(library.target, Path(folder), defines=("SUBGRAD_BARE",))
        bare = NativeKernel(Library(path, library.target))
        rows = probe_rows(turns, NativeKernel(library), bare)
    columns = ["hidden", "step probes", "full pass", "GFLOP/s: median", "best", "share", "of best"]
    show("One core, K = 8", columns, rows)
    columns = ["K", "MB a member", "weights, gradients, momentum", "ratio"]
    show("Memory of 2 x 512", columns, [memory_row(65)])


if __name__ == "__main__":
    main()
