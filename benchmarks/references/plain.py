"""One job after the other in a loop of plain PyTorch, two threads inside its operations."""

from collections.abc import Sequence

import torch

from benchmarks.plain_loop import PlainLoop
from service.domain.spec import JobSpec


def run(specs: Sequence[JobSpec]) -> None:
    torch.set_num_threads(2)
    for spec in specs:
        train_one(spec)


def train_one(spec: JobSpec) -> None:
    """One job, with however many threads are set."""
    loop = PlainLoop(spec)
    for _ in range(spec.epochs):
        loop.epoch()
