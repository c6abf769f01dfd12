"""Activations in the half precisions."""

import base64
import struct
from typing import Any

import pytest
import torch
from torch import Tensor

from service.domain.activations import Activation
from service.domain.spec import JobSpec
from tests.unit.engine.parts.activating import (
    F64,
)
from tests.unit.engine.parts.formulas import (
    REFERENCES,
    UNCHOSEN,
    label,
)
from tests.unit.engine.parts.trainings import CPU, history, initial_parameters
from workers.training import Cohort, Member, train
from workers.training.data import load

HALF: dict[str, Any] = {
    "dataset": {"name": "abs", "size": 40, "validation_fraction": 0.2},
    "network": {"hidden": [12], "init": {"name": "normal", "scale": 1.0, "bias": 0.3}},
    "loss": {"name": "mse"},
    "optimizer": {"learning_rate": 0.5},
    "epochs": 1,
    "batch_size": 64,
    "seed": 2,
}


PRECISIONS = [("bfloat16", torch.bfloat16), ("float16", torch.float16)]


DETERMINED = [
    spec
    for spec in UNCHOSEN
    if spec.name != "rrelu" and max(getattr(spec, "alpha", 1), getattr(spec, "beta", 1)) < 100
]
"""Not what is drawn, nor what is too steep for float16's largest number."""


def half_spec(spec: Activation, precision: str) -> JobSpec:
    chosen = spec.model_dump(exclude_none=True)
    return JobSpec.model_validate(HALF | {"activation": chosen, "precision": precision})


def rounded(values: Tensor, dtype: torch.dtype) -> Tensor:
    return values.to(dtype).double()


def by_formula(spec: Activation, z: Tensor) -> tuple[Tensor, Tensor]:
    """φ and φ' of each number of z [N, U]."""
    flat = z.flatten().tolist()
    reference = REFERENCES[spec.name]
    values, slopes = ([f(x, spec) for x in flat] for f in (reference.value, reference.slope))
    return torch.tensor(values, dtype=F64).view_as(z), torch.tensor(slopes, dtype=F64).view_as(z)


@pytest.mark.parametrize(("precision", "dtype"), PRECISIONS, ids=["bfloat16", "float16"])
@pytest.mark.parametrize("spec", DETERMINED, ids=label)
def test_half_precision_values_are_the_formulas(
    spec: Activation, precision: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mean |h| of each unit. z and h are stored in half precision: two roundings of eps / 2,
    the first passed on by φ' (at most max |φ'| times)."""
    job = half_spec(spec, precision).model_copy(update={"epochs": 0})
    w, b, *_ = initial_parameters(job, monkeypatch)
    x = rounded(torch.from_numpy(load(job).train.features), dtype)
    z = x @ w + b
    h, slope = by_formula(spec, z)
    events = train(Cohort(members=(Member(id="0", spec=job),)), device=CPU)
    (event,) = [event for event in events if event.kind == "epoch"]
    packed = base64.b64decode(event.units[0].activity)
    measured = torch.tensor(struct.unpack(f"<{len(packed) // 4}f", packed), dtype=F64)
    eps = torch.finfo(dtype).eps
    bound = eps * (z.abs() * slope.abs().clamp_min(1) + h.abs()).mean(0) + eps / 1000
    assert ((measured - h.abs().mean(0)).abs() <= bound).all()


@pytest.mark.parametrize(("precision", "dtype"), PRECISIONS, ids=["bfloat16", "float16"])
@pytest.mark.parametrize("spec", DETERMINED, ids=label)
def test_half_precision_derivatives_are_the_formulas(
    spec: Activation, precision: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first layer after one full step, against the gradient by the formula. About ten stored
    numbers lie between the data and the gradient, each rounded by eps / 2 of its size; the sizes
    are summed without signs."""
    job = half_spec(spec, precision)
    ((before, after),) = history([job], monkeypatch)
    w, b, v, c = before[:4]
    part = load(job).train
    x, y = rounded(torch.from_numpy(part.features), dtype), torch.from_numpy(part.targets)
    h, slope = by_formula(spec, x @ w + b)
    out = h @ v + c
    rate, n = job.optimizer.learning_rate, part.count
    step = rate * x.T @ (2 * (out - y) / n @ v.T * slope)
    sizes = 2 * (h.abs() @ v.abs() + c.abs() + y.abs()) / n @ v.abs().T * slope.abs().clamp_min(0.5)
    bound = torch.finfo(dtype).eps * (8 * rate * x.abs().T @ sizes + w.abs() + step.abs())
    assert float(step.abs().max()) > 0.01
    assert ((before[0] - after[0] - step).abs() <= bound).all()
