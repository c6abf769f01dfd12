"""The optimizer of torch.optim and the scheduler of torch.optim.lr_scheduler that a spec names."""

from collections.abc import Iterable
from typing import Any

import torch
from torch.optim import lr_scheduler

from service.domain.optimizers import Adam, AdamW, RmsProp, Sgd
from service.domain.schedules import CosineSchedule, StepSchedule, WarmupSchedule
from service.domain.spec import JobSpec


def torch_optimizer(spec: JobSpec, parameters: Iterable[torch.Tensor]) -> torch.optim.Optimizer:
    chosen = spec.optimizer
    common: dict[str, Any] = {
        "lr": chosen.learning_rate,
        "weight_decay": chosen.weight_decay,
        "foreach": False,
    }
    match chosen:
        case Sgd(momentum=momentum, nesterov=nesterov):
            return torch.optim.SGD(parameters, momentum=momentum, nesterov=nesterov, **common)
        case Adam(beta1=beta1, beta2=beta2, eps=eps):
            return torch.optim.Adam(parameters, betas=(beta1, beta2), eps=eps, **common)
        case AdamW(beta1=beta1, beta2=beta2, eps=eps):
            return torch.optim.AdamW(parameters, betas=(beta1, beta2), eps=eps, **common)
        case RmsProp(alpha=alpha, eps=eps, momentum=momentum):
            return torch.optim.RMSprop(
                parameters, alpha=alpha, eps=eps, momentum=momentum, **common
            )


class TorchSchedule:
    """To be told after every step of the optimizer."""

    def __init__(self, spec: JobSpec, optimizer: torch.optim.Optimizer) -> None:
        self._per_epoch, self._steps = spec.steps_per_epoch, 0
        self._by_step: lr_scheduler.LRScheduler | None = None
        self._by_epoch: lr_scheduler.LRScheduler | None = None
        match spec.optimizer.schedule:
            case StepSchedule(every=every, gamma=gamma):
                self._by_epoch = lr_scheduler.StepLR(optimizer, every, gamma)
            case CosineSchedule(final_fraction=fraction):
                self._by_step = lr_scheduler.CosineAnnealingLR(
                    optimizer,
                    T_max=spec.epochs * spec.steps_per_epoch,
                    eta_min=fraction * spec.optimizer.learning_rate,
                )
            case WarmupSchedule(steps=steps, start_fraction=fraction):
                self._by_step = lr_scheduler.LinearLR(optimizer, fraction, 1.0, steps)

    def step(self) -> None:
        self._steps += 1
        if self._by_step is not None:
            self._by_step.step()
        if self._by_epoch is not None and self._steps % self._per_epoch == 0:
            self._by_epoch.step()
