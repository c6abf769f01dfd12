"""Ray Tune: a trial per job, a core each."""

import tempfile
from collections.abc import Sequence
from typing import Any

import ray
import torch
from ray import tune

from benchmarks.references.plain import train_one
from service.domain.spec import JobSpec


def run(specs: Sequence[JobSpec]) -> None:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        bodies = [spec.model_dump(mode="json") for spec in specs]
        space = {"job": tune.grid_search(bodies)}
        trainable = tune.with_resources(_train, {"cpu": 1})
        with tempfile.TemporaryDirectory() as folder:
            config = tune.RunConfig(verbose=0, storage_path=folder)
            tune.Tuner(trainable, param_space=space, run_config=config).fit()
    finally:
        ray.shutdown()


def _train(config: dict[str, Any]) -> None:
    torch.set_num_threads(1)
    train_one(JobSpec.model_validate(config["job"]))
