"""How the time of an epoch grows with the number of members, with width and with depth: a plot.

    python -m benchmarks.growth [--out docs/growth.svg] [--turns N]

Needs matplotlib (benchmarks/requirements.txt). Whole epochs, all probes on, two threads, native
kernel and stacked PyTorch; beside them the plain loop without probes, which trains one network
after the other: one is timed, and its time multiplied by their number. Medians of the turns, in
which the three follow each other. The numbers behind the plot are printed as tables.
"""

import argparse
import statistics
from pathlib import Path

import matplotlib as mpl

from benchmarks.engine import chosen_back_end, engine_step_us, show
from benchmarks.jobs import job_spec
from benchmarks.plain_loop import PlainLoop

mpl.use("svg")
from matplotlib import pyplot as plt

MEMBERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
WIDTHS = (8, 16, 32, 64, 128, 256, 512, 1024)
DEPTHS = (1, 2, 4, 8, 16)
STEPS = job_spec(0, [16], 1).steps_per_epoch
WAYS = ("plain loop", "stacked-torch", "native")


def epoch_ms(name: str, K: int, hidden: list[int]) -> float:
    """Milliseconds of an epoch of K members."""
    if name == "plain loop":
        loop = PlainLoop(job_spec(0, hidden, 1))
        return loop.step_us(epochs=3, threads=2) * STEPS * K / 1e3
    epochs = max(2, 32 // K)
    us = engine_step_us(K, hidden, epochs=epochs, threads=2, back_end=chosen_back_end(name))
    return us * STEPS * K / 1e3


def measure(K: int, hidden: list[int], turns: int) -> list[float]:
    """Of each of WAYS."""
    times = [[epoch_ms(name, K, hidden) for name in WAYS] for _ in range(turns)]
    return [statistics.median(column) for column in zip(*times, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/growth.svg"))
    parser.add_argument("--turns", type=int, default=1)
    options = parser.parse_args()
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
    cases = (
        ("members, 2 x 128", [(K, K, [128, 128]) for K in MEMBERS]),
        ("width of 2 layers, 16 members", [(w, 16, [w, w]) for w in WIDTHS]),
        ("layers of 64, 16 members", [(depth, 16, [64] * depth) for depth in DEPTHS]),
    )
    for axis, (title, points) in zip(axes, cases, strict=True):
        places = [x for x, _, _ in points]
        rows = [measure(K, hidden, options.turns) for _, K, hidden in points]
        cells = [[x, *(f"{ms:.2f}" for ms in row)] for x, row in zip(places, rows, strict=True)]
        show("ms an epoch of all members", [title, *WAYS], cells)
        for name, line in zip(WAYS, zip(*rows, strict=True), strict=True):
            axis.plot(places, line, marker="o", label=name)
        axis.set(xscale="log", yscale="log", xlabel=title, ylabel="ms an epoch of all members")
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.savefig(options.out)


if __name__ == "__main__":
    main()
