"""What measuring costs, how near the arithmetic comes to the machine's, and what memory it takes.

    python -m benchmarks.costs [--turns N]

- Step probes: the optimizer steps of the kernel against those of the same kernel compiled without
  gradient norms, weight norms and kink counts.
- Full pass: steps and the pass over the training part after each epoch (losses, dead, dormant and
  saturated units, sparsity, rank) against the steps alone.
- Arithmetic: the operations of the bare kernel's matrix products per second and core, against
  PyTorch's product of two 1024 x 1024 matrices on one core.
- Memory: what a process of K members of 2 x 512 with momentum needs beyond one of a single member,
  for each, against weights, gradients and momentum.
"""

import argparse
import multiprocessing
import resource
import statistics
import tempfile
import time
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


def steps_us(kernel: NativeKernel, K: int, hidden: list[int], epochs: int) -> float:
    """Microseconds of a core per network and step, from epoch 2 on."""
    clock = PhaseClock()
    with clock.watching(NativeChunk, "train_epoch", lambda epoch: epoch > 1):
        engine_step_us(K, hidden, epochs=epochs, threads=1, back_end=kernel)
    return clock.spent_s / (epochs - 1) / K / job_spec(0, hidden, 1).steps_per_epoch * 1e6


def pass_us(kernel: NativeKernel, K: int, hidden: list[int], epochs: int) -> float:
    """Microseconds of a core per network and step that the passes over the training part take."""
    clock = PhaseClock()
    with clock.watching(NativeChunk, "evaluate", lambda part: part == "train"):
        engine_step_us(K, hidden, epochs=epochs, threads=1, back_end=kernel)
    return clock.spent_s / (epochs + 1) / K / job_spec(0, hidden, 1).steps_per_epoch * 1e6


def step_flops(hidden: list[int]) -> int:
    """Of the matrix products of a step: forward, the weights' gradients, and from the second layer
    on the gradient that is passed back."""
    spec = job_spec(0, hidden, 1)
    sizes = [i * o for i, o in pairwise(spec.layer_widths)]
    batch = spec.training_examples / spec.steps_per_epoch
    return round(2 * batch * (2 * sum(sizes) + sum(sizes[1:])))


def sgemm_gflops() -> float:
    """PyTorch's best on one core."""
    torch.set_num_threads(1)
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    out = torch.empty(1024, 1024)
    best = float("inf")
    for _ in range(20):
        start = time.perf_counter()
        torch.mm(a, b, out=out)
        best = min(best, time.perf_counter() - start)
    return 2 * 1024**3 / best / 1e9


def probe_rows(turns: int, full: NativeKernel, bare: NativeKernel) -> list[list[str]]:
    rows = []
    for hidden in WIDTHS:
        K, epochs = 8, 40 if hidden[0] < 512 else 6
        triples = [
            (
                steps_us(full, K, hidden, epochs),
                steps_us(bare, K, hidden, epochs),
                pass_us(full, K, hidden, epochs),
                sgemm_gflops(),
            )
            for _ in range(turns)
        ]
        probes = statistics.median(a / b for a, b, _, _ in triples)
        whole = statistics.median((a + c) / a for a, _, c, _ in triples)
        rates = [step_flops(hidden) / b / 1e3 for _, b, _, _ in triples]
        share = statistics.median(r / t[3] for r, t in zip(rates, triples, strict=True))
        rows.append(
            [
                str(hidden),
                f"{probes:.2f}x",
                f"{whole:.2f}x",
                f"{statistics.median(rates):.0f}",
                f"{statistics.median(t[3] for t in triples):.0f}",
                f"{share:.0%}",
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
    columns = ["hidden", "step probes", "full pass", "GFLOP/s", "sgemm's", "of sgemm's"]
    show("One core, K = 8", columns, rows)
    columns = ["K", "MB a member", "weights, gradients, momentum", "ratio"]
    show("Memory of 2 x 512", columns, [memory_row(65)])


if __name__ == "__main__":
    main()
