"""The losses: one class each, the twins of those in `service.domain.losses`.

A new loss is a class with step, total and score, and one line here.
"""

from collections.abc import Sequence
from typing import Any

import torch

from workers.training.losses.base import LossKernel, RowWeights
from workers.training.losses.classes import Bce, CrossEntropy, Hinge
from workers.training.losses.regression import Huber, Mae, Mse, Quantile, SmoothL1
from workers.training.shapes import Shapes
from workers.training.stacking import Scratch

LOSSES: dict[str, type[LossKernel]] = {
    "mse": Mse,
    "mae": Mae,
    "huber": Huber,
    "smooth_l1": SmoothL1,
    "quantile": Quantile,
    "cross_entropy": CrossEntropy,
    "bce": Bce,
    "hinge": Hinge,
}


def loss_kernel(
    specs: Sequence[Any], shapes: Shapes, device: torch.device, scratch: Scratch
) -> LossKernel:
    """The members' loss; all have the same name."""
    return LOSSES[specs[0].name](specs, shapes, device, scratch)


__all__ = ["LOSSES", "LossKernel", "RowWeights", "loss_kernel"]
