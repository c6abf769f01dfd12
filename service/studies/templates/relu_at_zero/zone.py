"""The bifurcation zone (Bertoin, Bolte, Gerchinovitz and Pauwels, NeurIPS 2021): what jobs measured
of it, what was published, and how the two are shown side by side."""

import math
from functools import partial

from service.domain.findings import Estimate, Kind
from service.domain.spec import JobSpec
from service.studies.evidence import Evidence, Run, Runs
from service.studies.notebook import Notebook
from service.studies.sample import Sample
from service.studies.templates.relu_at_zero.sweeps import ReluAtZeroOptions

MNIST_EXAMPLES = 60_000
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


def by_shape(runs: Runs) -> list[Runs]:
    return list(runs.by("network.hidden").values())


def shape_of(run: Run) -> tuple[int, int]:
    """Depth and width; of layers that differ the first one's."""
    hidden = run.spec["network"]["hidden"]
    return len(hidden), hidden[0]


def draws_in_zone(runs: Runs) -> Sample:
    """1 for each draw in the zone, 0 for each other: a draw is what a seed is elsewhere. All draws
    of a job that did not measure them are excluded."""
    values: dict[int, float] = {}
    excluded: dict[int, str] = {}
    for run in runs:
        draws, found = _draws(run), run.last("bifurcation_differing")
        for i in range(draws):
            if found is None:
                excluded[run.seed * draws + i] = "not measured"
            else:
                values[run.seed * draws + i] = float(i < found)
    return Sample(values=values, excluded=excluded, jobs=tuple(sorted(r.job_id for r in runs)))


def zeros(runs: Runs) -> Sample:
    """Pre-activations that were exactly 0, by seed."""
    return runs.sample("bifurcation_zeros")


def calls_of_relu(runs: Runs) -> Sample:
    """By all draws of a seed's job."""
    return runs.sample(lambda run: float(_calls_of_a_draw(run) * _draws(run)))


def published_rate(shape: tuple[int, int], share: float) -> float:
    """Zeros per call that give this share, if they come singly and each is felt."""
    depth, width = shape
    return -math.log1p(-share) / (MNIST_EXAMPLES * depth * width)


def show_zone(evidence: Evidence, notebook: Notebook) -> None:
    cells: list[tuple[str, Runs]] = []
    for name in ("zone", "zone-half"):
        cells += [(one, runs) for one, runs in evidence.runs(name).by("precision").items()]
    cells += [("float32", runs) for runs in by_shape(evidence.runs("zone-shapes"))]
    notebook.table(
        "Bifurcation zone of random networks",
        [
            "precision",
            "depth x width",
            "share in the zone",
            "exact zeros",
            "zeros per call",
            "1 - exp(-rate · calls)",
            "published rate",
            "share at the published rate",
        ],
        [_row(precision, runs, notebook) for precision, runs in cells],
        note="Calls of relu by one network: examples x units x layers. Rates have the interval of "
        "a Poisson count, too narrow where zeros come several at a time. The published rate is "
        "-ln(1 - P) / calls of the counts on MNIST in float32, mini-batches of 256.",
    )


def compare_with_published(
    options: ReluAtZeroOptions, evidence: Evidence, notebook: Notebook
) -> None:
    """What the published rate foretells for as many examples as were drawn from here, and what was
    found."""
    runs = evidence.runs("zone").where({"precision": "float32"})
    shape = options.depth, options.width
    published = PUBLISHED.get(shape)
    if published is None or not runs:
        return
    spec = JobSpec.model_validate(runs[0].spec)
    per_example = published_rate(shape, published) * shape[0] * shape[1]
    foretold, of_all = (
        _share(per_example, count) for count in (spec.training_examples, spec.dataset.example_count)
    )
    found = notebook.estimate(draws_in_zone(runs), Kind.SHARE)
    ends = found.interval
    if found.value is None or ends is None:
        return
    agrees = "contains" if ends.low <= foretold <= ends.high else "does not contain"
    notebook.remark(
        f"Published were {published:.1%} of the networks of {shape[0]} x {shape[1]} on MNIST, "
        f"{MNIST_EXAMPLES:,} images of 784 pixels. {options.dataset} has "
        f"{spec.training_examples:,} of {spec.dataset.feature_count:,} to train on, and only rates "
        f"per call compare: at the published one {foretold:.1%} would lie in the zone here "
        f"({of_all:.1%} if all {spec.dataset.example_count:,} examples were passed through). "
        f"Found were {found.value:.1%}, with an interval from {ends.low:.1%} to {ends.high:.1%}, "
        f"which {agrees} the former."
    )


def _row(precision: str, runs: Runs, notebook: Notebook) -> list[str | Estimate]:
    shape, calls = shape_of(runs[0]), _calls_of_a_draw(runs[0])
    share = PUBLISHED.get(shape) if precision == "float32" else None
    published: list[str | Estimate] = ["", ""]
    if share is not None:
        rate = published_rate(shape, share)
        published = [notebook.theory(rate), notebook.theory(_share(rate, calls))]
    return [
        precision,
        f"{shape[0]} x {shape[1]}",
        notebook.estimate(draws_in_zone(runs), Kind.SHARE),
        notebook.total(zeros(runs)),
        notebook.rate(zeros(runs), calls_of_relu(runs)),
        notebook.rate(zeros(runs), calls_of_relu(runs), partial(_share, calls=calls)),
        *published,
    ]


def _share(rate: float, calls: float) -> float:
    """Of networks that meet a zero at least once."""
    return -math.expm1(-rate * calls)


def _draws(run: Run) -> int:
    return int(run.spec["probes"]["bifurcation_draws"])


def _calls_of_a_draw(run: Run) -> int:
    spec = JobSpec.model_validate(run.spec)
    return spec.training_examples * sum(spec.network.hidden_widths)
