"""The exact optimum of a linear network on the training part: least squares for mse, a linear
program for mae and quantile.

Computed in float64 from the numbers that training sees (features rounded to the job's precision),
once for each loss, so that all members with that loss share it.

Legend: N examples, F features, C outputs.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.domain.losses import Mae, Mse, Quantile
from service.domain.networks import Linear
from service.domain.spec import JobSpec
from workers.training.arrays import Array, to_host
from workers.training.tensors import PartTensors

LARGEST_SQUARES = 4e8
"""N (F + 1) min(N, F + 1), to which the work of least squares is proportional: two seconds,
measured on a busy machine."""
LARGEST_PROGRAM = 250_000
"""N (F + 1): numbers in a linear program. One or two seconds with tens of features, up to eight
with hundreds, measured likewise."""
MOST_ITERATIONS = 20_000
"""Of the simplex method. A limit in seconds would make the answer depend on the machine."""
EXACT = 1e-9
"""Share of the loss of answering 0 below which an optimum counts as 0; the square of it for
mse."""
CERTAIN = 1e-7
"""How far, in the same shares, the linear program's two objectives may lie apart."""


@dataclass(frozen=True, kw_only=True)
class Optimum:
    """The least loss, and where it is reached."""

    loss: float
    """0 where it is 0 but for rounding."""
    parameters: Array
    """[F + 1, C], the bias last. Of several, the shortest for mse, a vertex else."""


Problem = tuple[str, float]
"""Name of the loss, and the quantile."""


def problem(spec: JobSpec) -> Problem | None:
    """What the optimum of a spec depends on besides the data; None where none is known how."""
    match spec.network, spec.loss:
        case Linear(), Mse() | Mae():
            return spec.loss.name, 0.5
        case Linear(), Quantile(q=q):
            return spec.loss.name, q
    return None


def find_optima(
    problems: Iterable[Problem | None],
    part: PartTensors,
    widths: tuple[int, ...],
    is_over: Callable[[], bool] = lambda: False,
) -> dict[Problem, Optimum]:
    """The optimum of each problem over a part of F features and C targets. One that is too large,
    or whose solution is not certain, is missing; so are all that are left when `is_over`, which is
    asked before each, says that nobody needs them."""
    wanted = sorted({one for one in problems if one is not None})
    if not wanted:
        return {}
    features = to_host(part.x[: part.count, : widths[0]])
    targets = to_host(part.target[: part.count, : widths[-1]])
    design = np.column_stack([features, np.ones(part.count)])
    if not (np.isfinite(design).all() and np.isfinite(targets).all()):
        return {}
    found = {one: None if is_over() else _solve(one, design, targets) for one in wanted}
    return {one: optimum for one, optimum in found.items() if optimum is not None}


def _solve(one: Problem, design: Array, targets: Array) -> Optimum | None:
    name, q = one
    if name == "mse":
        return _least_squares(design, targets)
    columns = [_least_deviations(design, column, q) for column in targets.T]
    known = [column for column in columns if column is not None]
    if len(known) < len(columns):
        return None
    # The pinball loss of the median is half of the distance.
    scale = 2.0 if name == "mae" else 1.0
    loss, zero = (scale * float(np.mean([one[i] for one in known])) for i in (0, 1))
    parameters = np.stack([solution for _, _, solution in known], axis=1)
    return Optimum(loss=loss if loss > EXACT * zero else 0.0, parameters=parameters)


def _least_squares(design: Array, targets: Array) -> Optimum | None:
    if design.size * min(design.shape) > LARGEST_SQUARES:
        return None
    parameters: Array = np.asarray(np.linalg.lstsq(design, targets, rcond=None)[0], np.float64)
    loss = float(np.mean((design @ parameters - targets) ** 2))
    zero = float(np.mean(targets**2))
    return Optimum(loss=loss if loss > EXACT**2 * zero else 0.0, parameters=parameters)


def _least_deviations(design: Array, target: Array, q: float) -> tuple[float, float, Array] | None:
    """Least mean pinball loss, that of answering 0, and the parameters [F + 1] of the least.

    The program is solved in its dual form (Koenker and Bassett 1978), which has a row for each
    parameter instead of one for each example: max Σ y_n d_n where Σ x_n d_n = 0 and
    q - 1 <= d_n <= q. The parameters are the prices of its rows."""
    if design.size > LARGEST_PROGRAM:
        return None
    from scipy.optimize import linprog  # noqa: PLC0415  (slow to import, and only needed here)

    count, columns = design.shape
    bounds = np.broadcast_to([q - 1, q], (count, 2))
    done: Any = linprog(
        -target,
        A_eq=design.T,
        b_eq=np.zeros(columns),
        bounds=bounds,
        method="highs-ds",
        options={"maxiter": MOST_ITERATIONS},
    )
    if done.status != 0:
        return None
    parameters: Array = -done.eqlin.marginals
    loss, zero = (
        float(np.mean(np.maximum(-q * residual, (1 - q) * residual)))
        for residual in (design @ parameters - target, -target)
    )
    is_certain = abs(loss + done.fun / count) <= CERTAIN * zero
    return (loss, zero, parameters) if is_certain else None
