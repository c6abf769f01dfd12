"""joblib: the plain loop in two processes of one thread each."""

from collections.abc import Sequence

import torch
from joblib import Parallel, delayed

from benchmarks.references.plain import train_one
from service.domain.spec import JobSpec


def run(specs: Sequence[JobSpec]) -> None:
    Parallel(n_jobs=2)(delayed(_train)(spec) for spec in specs)


def _train(spec: JobSpec) -> None:
    torch.set_num_threads(1)
    train_one(spec)
