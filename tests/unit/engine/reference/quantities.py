"""What is measured, by brute force from the definitions in docs/definitions.md."""

import math
from typing import Any

import torch
from sklearn.linear_model import LinearRegression, QuantileRegressor
from torch import Tensor

from service.domain.spec import JobSpec
from tests.unit.engine.reference.functions import loss_of

RANK_SAMPLE = 64
"""The engine's documented sample for the effective rank: the first examples."""


def norm(tensors: list[Tensor]) -> float:
    """L2 norm of all values together, in the precision of training: what overflows there is
    infinite."""
    norms = torch.stack([torch.linalg.vector_norm(tensor.detach()) for tensor in tensors])
    return float(torch.linalg.vector_norm(norms))


def linear_optimum(spec: JobSpec, x: Tensor, target: Tensor) -> tuple[float, Tensor] | None:
    """Least loss, weights and bias [F + 1, 1] of a linear network with one target, by
    scikit-learn; None for other networks and losses."""
    if spec.network.kind != "linear" or spec.loss.name not in ("mse", "mae", "quantile"):
        return None
    features, wanted = x.double().numpy(), target.double().numpy()[:, 0]
    model: Any = LinearRegression()
    if spec.loss.name != "mse":
        q = getattr(spec.loss, "q", 0.5)
        model = QuantileRegressor(quantile=q, alpha=0, solver="highs")
    model.fit(features, wanted)
    answers = torch.from_numpy(model.predict(features))[:, None]
    parameters = torch.tensor([*model.coef_, model.intercept_])[:, None]
    return loss_of(spec.loss, answers, target.double()).item(), parameters


def effective_rank(h: Tensor) -> float | None:
    """exp of the entropy of the normalised singular values; 0 of nothing but zeros."""
    if not bool(h.isfinite().all()):
        return None
    singular = torch.linalg.svdvals(h.double())
    if singular[0] == 0:
        return 0.0
    share = singular / singular.sum()
    return math.exp(-torch.xlogy(share, share).sum().item())


def dormant(mean: Tensor, tau: float) -> int | None:
    layer_mean = mean.mean()
    if not bool(layer_mean.isfinite()):
        return None
    return int((mean / (layer_mean + 1e-9) <= tau).sum())


def ratio(moved: float, size: float) -> float:
    if size == 0:
        return 0.0 if moved == 0 else math.inf
    return moved / size


def mean_of(values: list[float]) -> float | None:
    return math.fsum(values) / len(values) if _are_finite(values) else _odd(values)


def largest_of(values: list[float]) -> float | None:
    return max(values) if _are_finite(values) else _odd(values)


def last_of(values: list[float]) -> float | None:
    return values[-1] if values else None


def _are_finite(values: list[float]) -> bool:
    return bool(values) and all(map(math.isfinite, values))


def _odd(values: list[float]) -> float | None:
    """Of norms that are not all finite: NaN if any is, else infinity."""
    if not values:
        return None
    return math.nan if any(map(math.isnan, values)) else math.inf


def fraction(counts: list[tuple[int | None, int]]) -> float | None:
    known = [count for count, _ in counts if count is not None]
    if not counts or len(known) < len(counts):
        return None
    return sum(known) / sum(units for _, units in counts)


def all_zeros(h: list[Tensor]) -> float | None:
    if not h or any(bool(one.isnan().any()) for one in h):
        return None
    return sum(int((one == 0).sum()) for one in h) / sum(one.numel() for one in h)
