"""64 jobs, 20 epochs, all probes on, against what people use for it.

    python -m benchmarks.cohort [--jobs N] [--epochs N] [--turns N] [--only NAME ...]

Work: digits, 64-128-128-10, relu, SGD, batch 64, float32; 8 rates x 4 conventions x 2 seeds. Ours
measures everything, passes over the whole training and validation part after each epoch and tells
events; the references train, and nothing else. Each reference takes turns with ours; shown are
medians and the median of the turns' ratios. What is compiled is compiled in a turn before.
"""

import argparse
import importlib
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from benchmarks.engine import CPU, show
from benchmarks.jobs import cohort
from service.domain.spec import JobSpec
from workers.training import Cohort, train

REFERENCES = {
    "plain loop": "plain",
    "JAX vmap + jit + scan": "jax_vmap",
    "joblib, 2 processes": "processes",
    "Optuna": "optuna_study",
    "PyTorch Lightning": "lightning_fit",
    "Ray Tune": "ray_tune",
}


def ours(members: Cohort) -> None:
    """The engine, on two cores."""
    torch.set_num_threads(1)
    for _ in train(members, device=CPU, threads=2):
        pass


def timed_s(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(
    members: Cohort, reference: Callable[[Sequence[JobSpec]], None], turns: int
) -> list[str]:
    """Seconds of ours and of a reference, and how many times longer the reference takes."""
    specs = [member.spec for member in members.members]
    short = [spec.model_copy(update={"epochs": 1}) for spec in specs]
    reference(short)
    pairs = [
        (timed_s(lambda: ours(members)), timed_s(lambda: reference(specs))) for _ in range(turns)
    ]
    ratio = statistics.median(theirs / own for own, theirs in pairs)
    medians = [statistics.median(column) for column in zip(*pairs, strict=True)]
    return [*(f"{median:.2f}" for median in medians), f"{ratio:.1f}x"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=list(REFERENCES.values()), default=None)
    options = parser.parse_args()
    members = cohort(options.jobs, [128, 128], options.epochs)
    ours(cohort(options.jobs, [128, 128], 1))
    rows: list[list[Any]] = []
    for title, name in REFERENCES.items():
        if options.only and name not in options.only:
            continue
        try:
            module = importlib.import_module(f"benchmarks.references.{name}")
        except ModuleNotFoundError as error:
            rows.append([title, "", f"not installed: {error.name}", ""])
            continue
        rows.append([title, *compare(members, module.run, options.turns)])
    title = f"{options.jobs} jobs of {options.epochs} epochs, seconds"
    show(title, ["reference", "ours", "reference's", "ours is faster"], rows)


if __name__ == "__main__":
    main()
