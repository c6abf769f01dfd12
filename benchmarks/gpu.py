"""The training engine on a GPU: CUDA graphs against launching each kernel, and both against the
plain PyTorch loop on the same GPU, in one process and by turns.

    python -m benchmarks.gpu [--turns 5]

Work as in `benchmarks.engine`: digits, relu, SGD, batch 64, float32, 23 steps an epoch. The plain
loop has no probe and evaluates nothing, trains one network, and its time is multiplied by their
number; the engine has every probe on, and passes over the whole training and validation part after
each epoch. Milliseconds of an epoch of all K members, from the third on: the second is recorded.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from benchmarks.engine import engine_step_us, show
from benchmarks.jobs import job_spec
from benchmarks.plain_loop import PlainLoop
from workers.training import stacked

CUDA = torch.device("cuda")
CASES = (
    ([128, 128], (1, 16, 64, 256)),
    ([16, 16], (1, 64)),
    ([512, 512], (1, 64)),
    ([1024, 1024, 1024], (1, 16)),
)
STEPS = job_spec(0, [16], 1).steps_per_epoch


@contextmanager
def launching_each() -> Iterator[None]:
    """Without CUDA graphs."""
    records = vars(stacked)["records"]
    vars(stacked)["records"] = lambda *_: False
    try:
        yield
    finally:
        vars(stacked)["records"] = records


def engine_ms(K: int, hidden: list[int], epochs: int) -> float:
    """Milliseconds of an epoch, events and all."""
    threads = min(8, os.cpu_count() or 1)
    us = engine_step_us(K, hidden, epochs=epochs, threads=threads, device=CUDA, after_epoch=2)
    return us * STEPS * K / 1e3


def measure(K: int, hidden: list[int], turns: int) -> list[float]:
    """Medians: the plain loop, the engine kernel by kernel, the engine."""
    loop, rows = PlainLoop(job_spec(0, hidden, 1), CUDA), []
    for _ in range(turns + 1):
        plain = loop.step_us(epochs=5, threads=1) * STEPS * K / 1e3
        with launching_each():
            each = engine_ms(K, hidden, 4)
        rows.append((plain, each, engine_ms(K, hidden, 8)))
    return [statistics.median(column) for column in zip(*rows[1:], strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("PyTorch finds no CUDA device here.")
    rows = []
    for hidden, counts in CASES:
        for K in counts:
            plain, each, graphs = measure(K, hidden, options.turns)
            times = [f"{ms:.1f}" for ms in (plain, each, graphs)]
            rows.append([hidden, K, *times, f"{plain / graphs:.1f}x", f"{each / graphs:.2f}x"])
            print(*rows[-1], file=sys.stderr, flush=True)
    title = f"Milliseconds of an epoch of K members, {torch.cuda.get_device_name()}"
    ways = ["plain loop", "each launched", "CUDA graphs"]
    show(title, ["hidden", "K", *ways, "loop/ours", "each/ours"], rows)


if __name__ == "__main__":
    main()
