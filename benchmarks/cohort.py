"""64 jobs, 20 epochs, all probes on, against what people use for it.

    python -m benchmarks.cohort [--jobs N] [--epochs N] [--turns N] [--only NAME ...]

Work: digits, 64-128-128-10, relu, SGD, batch 64, float32; 8 rates x 4 conventions x 2 seeds. Ours
measures everything, passes over the whole training and validation part after each epoch and tells
events; the references train, and nothing else. Each reference takes turns with ours; shown are
medians and the median of the turns' ratios. Before the turns all jobs train for one epoch where
something is compiled for their number; elsewhere one job does, which loads what has to be loaded.
A reference that takes minutes has fewer turns than asked for; the table says how many.
"""

import argparse
import importlib
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.engine import CPU, show
from benchmarks.jobs import cohort
from service.domain.spec import JobSpec
from workers.training import Cohort, train


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Another way to train the jobs."""

    title: str
    module: str
    asked: float
    """How many times faster ours has to be."""
    most_turns: int = 9
    compiles: bool = False
    """For the number of jobs."""


REFERENCES = (
    Reference(title="plain loop", module="plain", asked=6),
    Reference(title="JAX vmap + jit + scan", module="jax_vmap", asked=1.8, compiles=True),
    Reference(title="joblib, 2 processes", module="processes", asked=5),
    Reference(title="Optuna", module="optuna_study", asked=6, most_turns=2),
    Reference(title="PyTorch Lightning", module="lightning_fit", asked=15, most_turns=1),
    Reference(title="Ray Tune", module="ray_tune", asked=60, most_turns=1),
)


def ours(members: Cohort) -> None:
    """The engine, on two cores."""
    torch.set_num_threads(1)
    for _ in train(members, device=CPU, threads=2):
        pass


def timed_s(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(members: Cohort, reference: Reference, turns: int) -> list[str]:
    """Turns, seconds of ours and of a reference, and how many times longer the reference takes."""
    run: Callable[[Sequence[JobSpec]], None] = importlib.import_module(
        f"benchmarks.references.{reference.module}"
    ).run
    specs = [member.spec for member in members.members]
    short = [spec.model_copy(update={"epochs": 1}) for spec in specs]
    run(short if reference.compiles else short[:1])
    count = min(turns, reference.most_turns)
    pairs = [(timed_s(lambda: ours(members)), timed_s(lambda: run(specs))) for _ in range(count)]
    ratio = statistics.median(theirs / own for own, theirs in pairs)
    medians = [statistics.median(column) for column in zip(*pairs, strict=True)]
    return [str(count), *(f"{median:.2f}" for median in medians), f"{ratio:.1f}x"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=[one.module for one in REFERENCES])
    options = parser.parse_args()
    members = cohort(options.jobs, [128, 128], options.epochs)
    ours(cohort(options.jobs, [128, 128], 1))
    rows: list[list[Any]] = []
    for reference in REFERENCES:
        if options.only and reference.module not in options.only:
            continue
        try:
            cells = compare(members, reference, options.turns)
        except ModuleNotFoundError as error:
            cells = ["0", "", f"not installed: {error.name}", ""]
        rows.append([reference.title, *cells, f"{reference.asked:g}x"])
        print(rows[-1], flush=True)
    title = f"{options.jobs} jobs of {options.epochs} epochs, seconds"
    columns = ["reference", "turns", "ours", "reference's", "ours is faster", "asked for"]
    show(title, columns, rows)


if __name__ == "__main__":
    main()
