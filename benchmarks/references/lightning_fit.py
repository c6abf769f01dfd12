"""PyTorch Lightning: a Trainer per job, with everything switched off that can be."""

import logging
import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from service.domain.spec import JobSpec
from workers.training.data import load


class Classifier(lightning.LightningModule):
    """A relu network for classes."""

    def __init__(self, spec: JobSpec) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(spec.layer_widths):
            layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
        self.network = nn.Sequential(*layers[:-1])
        self.rate = spec.optimizer.learning_rate

    def training_step(self, batch: Any, _index: int) -> Tensor:
        x, y = batch
        return functional.cross_entropy(self.network(x), y)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.rate)


def run(specs: Sequence[JobSpec]) -> None:
    torch.set_num_threads(2)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    part = load(specs[0]).train
    data = TensorDataset(torch.from_numpy(part.features).float(), torch.from_numpy(part.targets))
    for spec in specs:
        torch.manual_seed(spec.seed)
        trainer = lightning.Trainer(
            max_epochs=spec.epochs,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(Classifier(spec), DataLoader(data, spec.batch_size, shuffle=True))
