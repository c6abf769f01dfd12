"""How the time of an epoch grows with the number of members, with width and with depth: a plot.

    python -m benchmarks.growth [--out docs/growth.svg]

Needs matplotlib (benchmarks/requirements.txt). Whole epochs, all probes on, two threads, native
kernel and stacked PyTorch; beside them the plain loop, which trains one network after the other.
"""

import argparse
import statistics
from pathlib import Path

import matplotlib as mpl

from benchmarks.engine import chosen_back_end, engine_step_us
from benchmarks.jobs import job_spec
from benchmarks.plain_loop import PlainLoop

mpl.use("svg")
from matplotlib import pyplot as plt

MEMBERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
WIDTHS = (8, 16, 32, 64, 128, 256, 512, 1024)
DEPTHS = (1, 2, 4, 8, 16)
STEPS = job_spec(0, [16], 1).steps_per_epoch
Points = list[tuple[int, float]]


def epoch_ms(name: str, K: int, hidden: list[int]) -> float:
    """Milliseconds of an epoch of K members."""
    if name == "plain loop":
        loop = PlainLoop(job_spec(0, hidden, 1))
        return loop.step_us(epochs=3, threads=2) * STEPS * K / 1e3
    epochs, back_end = max(3, 16 // K), chosen_back_end(name)
    times = [
        engine_step_us(K, hidden, epochs=epochs, threads=2, back_end=back_end) for _ in range(3)
    ]
    return statistics.median(times) * STEPS * K / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/growth.svg"))
    out = parser.parse_args().out
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
    cases = (
        ("members, 2 x 128", [(K, K, [128, 128]) for K in MEMBERS]),
        ("width of 2 layers, 16 members", [(w, 16, [w, w]) for w in WIDTHS]),
        ("layers of 64, 16 members", [(depth, 16, [64] * depth) for depth in DEPTHS]),
    )
    for axis, (title, points) in zip(axes, cases, strict=True):
        for name in ("plain loop", "stacked-torch", "native"):
            line: Points = [(x, epoch_ms(name, K, hidden)) for x, K, hidden in points]
            print(title, name, [f"{x}: {ms:.1f} ms" for x, ms in line], flush=True)
            axis.plot(*zip(*line, strict=True), marker="o", label=name)
        axis.set(xscale="log", yscale="log", xlabel=title, ylabel="ms an epoch of all members")
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.savefig(out)


if __name__ == "__main__":
    main()
