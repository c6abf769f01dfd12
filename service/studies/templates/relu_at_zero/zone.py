"""What jobs measured of the kink of ReLU and of the bifurcation zone (Bertoin, Bolte, Gerchinovitz
and Pauwels, NeurIPS 2021): draws in it, calls of relu, exact zeros among them. And what was
published of it."""

import math

from service.domain.spec import JobSpec
from service.studies.evidence import Run, Runs
from service.studies.sample import Sample

_MNIST_EXAMPLES = 60_000
PUBLISHED: dict[tuple[int, int], float] = {
    (1, 256): 0.054,
    (2, 256): 0.258,
    (3, 256): 0.463,
    (5, 256): 0.647,
    (6, 256): 0.697,
    (3, 16): 0.021,
    (3, 64): 0.163,
    (3, 512): 0.582,
    (3, 1024): 0.873,
}
"""By depth and width: float32, MNIST, mini-batches of 256, 1,000 draws. (For 3 x 256 the series by
width has 0.478.)"""


def _summed(run: Run, column: str) -> float:
    return float(sum(value for value in run.epochs(column) if value is not None))


def hits(run: Run) -> float:
    return _summed(run, "kink_hits")


def effective(run: Run) -> float:
    return _summed(run, "kink_effective")


def first_step(run: Run) -> float | None:
    steps = [step for step in run.epochs("first_effective_step") if step is not None]
    return min(steps) if steps else None


def by_shape(runs: Runs) -> list[Runs]:
    return list(runs.by("network.hidden").values())


def draws_in_zone(runs: Runs) -> Sample:
    """1 for each draw in the zone, 0 for each other: a draw is what a seed is elsewhere. All draws
    of a job that did not measure them are excluded."""
    values: dict[int, float] = {}
    excluded: dict[int, str] = {}
    for run in runs:
        draws, found = run.spec["probes"]["bifurcation_draws"], run.last("bifurcation_differing")
        for i in range(draws):
            if found is None:
                excluded[run.seed * draws + i] = "not measured"
            else:
                values[run.seed * draws + i] = float(i < found)
    return Sample(values=values, excluded=excluded, jobs=tuple(sorted(r.job_id for r in runs)))


def calls_of_relu(run: Run) -> int:
    """Of relu, by all draws of the job."""
    spec = JobSpec.model_validate(run.spec)
    units = sum(spec.network.hidden_widths)
    return spec.training_examples * units * spec.probes.bifurcation_draws


def rate_of_zeros(runs: Runs) -> float:
    """Exact zeros per call of relu."""
    known = [(zeros, run) for run in runs if (zeros := run.last("bifurcation_zeros")) is not None]
    calls = sum(calls_of_relu(run) for _, run in known)
    return sum(zeros for zeros, _ in known) / calls if calls else 0.0


def published_rate(shape: tuple[int, int], share: float) -> float:
    depth, width = shape
    return -math.log1p(-share) / (_MNIST_EXAMPLES * depth * width)
