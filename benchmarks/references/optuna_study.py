"""Optuna: a study whose trials are the jobs, two at a time."""

from collections.abc import Sequence

import optuna
import torch

from benchmarks.references.plain import train_one
from service.domain.spec import JobSpec


def run(specs: Sequence[JobSpec]) -> None:
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    names = list(range(len(specs)))
    study = optuna.create_study(sampler=optuna.samplers.GridSampler({"job": names}))

    def objective(trial: optuna.Trial) -> float:
        train_one(specs[trial.suggest_categorical("job", names)])
        return 0.0

    study.optimize(objective, n_trials=len(specs), n_jobs=2)
