"""What jobs measured of their way to the optimum, of outliers, and of the kink of |r|."""

import math
from collections.abc import Sequence

from service.domain.spec import JobSpec
from service.studies.evidence import Evidence, Measure, Run, Runs
from service.studies.sample import Sample

_LEAST = -16.0
"""log10 of a gap that rounding alone makes."""
_NEAR = 0.01


def mean(runs: Runs, measure: Measure) -> str:
    values = list(runs.sample(measure).values.values())
    return f"{math.fsum(values) / len(values):.1f}" if values else "?"


def late_change(run: Run) -> float | None:
    """Decades by which the gap grew from half of the steps to the end."""
    half, end = log_gap(run, len(run.epochs("optimality_gap")) // 2), log_gap(run)
    return None if half is None or end is None else end - half


def log_gap(run: Run, epoch: int | None = None) -> float | None:
    gaps = run.epochs("optimality_gap")
    at = -1 if epoch is None else epoch
    gap = gaps[at] if -len(gaps) <= at < len(gaps) else None
    if gap is None:
        return None
    return max(_LEAST, math.log10(gap)) if gap > 0 else _LEAST


def steps_until_near(run: Run) -> float | None:
    gaps = run.epochs("optimality_gap")
    if not gaps or gaps[-1] is None:
        return None
    # Of the steps, 1 at least: the logarithm of 0 is none.
    near = (at for at, gap in enumerate(gaps) if gap is not None and gap < _NEAR)
    return float(max(1, next(near, len(gaps) - 1)))


def best(runs: Runs, measure: Measure) -> Sample:
    """The smallest over the rates, seed by seed; a rate that diverges is no candidate."""
    samples = [one.sample(measure) for one in runs.by("optimizer.learning_rate").values()]
    values: dict[int, float] = {}
    for sample in samples:
        for seed, value in sample.values.items():
            values[seed] = min(value, values.get(seed, math.inf))
    excluded = {s: why for one in samples for s, why in one.excluded.items() if s not in values}
    jobs = tuple(sorted({job for one in samples for job in one.jobs}))
    return Sample(values=dict(sorted(values.items())), excluded=excluded, jobs=jobs)


def _weights(run: Run) -> Sequence[float] | None:
    kept = run.weights()
    return None if kept is None else [value for name in sorted(kept) for value in kept[name]]


def shift(evidence: Evidence, loss: str) -> Sample:
    """|w' − w| / |w| between the same data with and without outliers."""
    clean = {run.seed: run for run in evidence.runs("clean").where({"loss.name": loss})}

    def measure(run: Run) -> float | None:
        moved, still = _weights(run), _weights(clean[run.seed]) if run.seed in clean else None
        return (
            None if moved is None or still is None else math.dist(moved, still) / math.hypot(*still)
        )

    moved = evidence.runs("moved").where({"loss.name": loss}).sample(measure)
    jobs = tuple(sorted({*moved.jobs, *(run.job_id for run in clean.values())}))
    return Sample(values=moved.values, excluded=moved.excluded, jobs=jobs)


def changed(runs: Runs) -> Sample:
    """1 for each seed whose final weights are not the same to the bit for all conventions."""
    by_seed: dict[int, list[Sequence[float] | None]] = {}
    for run in runs:
        by_seed.setdefault(run.seed, []).append(_weights(run) if run.completed else None)
    return Sample(
        values={
            seed: float(any(one != found[0] for one in found))
            for seed, found in sorted(by_seed.items())
            if None not in found
        },
        excluded={seed: "not measured" for seed, found in by_seed.items() if None in found},
        jobs=tuple(sorted(run.job_id for run in runs)),
    )


def hits(run: Run) -> float | None:
    counts = run.epochs("loss_kink_hits")
    return float(sum(count or 0 for count in counts)) if counts else None


def residuals(run: Run) -> float:
    """That were computed in training: one of each example in every epoch."""
    spec = JobSpec.model_validate(run.spec)
    return float(spec.training_examples * spec.epochs)
