"""What trained networks say of the convention: hits of the kink, and accuracy."""

from collections.abc import Callable, Mapping
from typing import Any

from service.domain.findings import Estimate, FigureAxis, Kind
from service.domain.spec import JobSpec
from service.studies.evidence import Evidence, Run, Runs
from service.studies.notebook import Notebook
from service.studies.sample import Sample
from service.studies.templates.relu_at_zero.sweeps import (
    CONVENTIONS,
    FORMS,
    INSIDE,
    ReluAtZeroOptions,
    form_precision,
    shape_precision,
)
from service.studies.templates.relu_at_zero.zone import by_shape, shape_of

_POINT = 0.01
"""A point of accuracy."""
_CONVENTION = "activation.derivative_at_zero"
_NORMALISATIONS = {"none": "without normalisation", "batch": "with batch normalisation"}
_MEASURES = [
    "kink hits",
    "effective hits",
    "first effective step",
    "accuracy",
    "accuracy less that of 0",
]


def claim_accuracies(options: ReluAtZeroOptions, evidence: Evidence, notebook: Notebook) -> None:
    """Where no gradient met an exact 0, all conventions trained the same network, so that a
    statement about their accuracies holds of itself: it then decides nothing."""
    notebook.claim(
        "Some of the trained networks meet an exact 0 at which a gradient arrives, so that their "
        f"accuracy can tell ({shape_precision(options)}, over depths and widths).",
        _any_hit(evidence.runs("trained-shapes").where({"precision": shape_precision(options)})),
        quantity="share of seeds at which a network is hit",
        kind=Kind.SHARE,
        above=0.0,
    )
    for precision, runs in _trained(evidence, "none").items():
        for a in (0.5, 1.0):
            _claim_same(f"in {precision}", runs, a, notebook)
    shapes = evidence.runs("trained-shapes").where({"precision": shape_precision(options)})
    for runs in by_shape(shapes):
        depth, width = shape_of(runs[0])
        _claim_same(f"at {depth} x {width} in {shape_precision(options)}", runs, 1.0, notebook)


def claim_forms(options: ReluAtZeroOptions, evidence: Evidence, notebook: Notebook) -> None:
    """Not decisive: whether published curves are an artefact is their code's affair."""
    rows: list[list[str | Estimate]] = []
    for a, runs in evidence.runs("forms").by(_CONVENTION).items():
        by_form = runs.by("activation.gradient_at_zero")
        chain, written = (by_form[f].sample("validation_metric", diverged=0.0) for f in FORMS)
        notebook.claim(
            f"Written over the gradient, convention {a:g} costs accuracy that it does not cost "
            f"by the chain rule ({form_precision(options)}).",
            written - chain,
            quantity="validation accuracy, overwritten less chain rule",
            below=0.0,
            decisive=False,
        )
        rows.append(
            [
                f"{a:g}",
                notebook.estimate(chain),
                notebook.estimate(written),
                notebook.total(by_form[FORMS[1]].sample(_hits)),
            ]
        )
    notebook.table(
        "The convention multiplied, and written over the gradient",
        ["convention", "accuracy, chain rule", "accuracy, overwritten", "hits, overwritten"],
        rows,
        note="A run that diverged counts as accuracy 0.",
    )


def show_training(options: ReluAtZeroOptions, evidence: Evidence, notebook: Notebook) -> None:
    rows: list[list[str | Estimate]] = []
    curves: dict[str, list[tuple[float, Estimate]]] = {}
    for normalization in _NORMALISATIONS:
        for precision, runs in _trained(evidence, normalization).items():
            for a in CONVENTIONS:
                cells = _cells(runs, a, notebook)
                rows.append([precision, normalization, f"{a:g}", *cells])
                if a:
                    curves.setdefault(f"{precision}, {normalization}", []).append((a, cells[-1]))
    notebook.table(
        f"Networks of {' x '.join(map(str, options.hidden))}, trained",
        ["precision", "normalisation", "convention", *_MEASURES],
        rows,
        note="Hits are summed over all epochs and seeds. A first step has only who was hit.",
    )
    notebook.figure(
        "Accuracy by convention",
        FigureAxis(label="convention"),
        FigureAxis(label="validation accuracy less that of convention 0"),
        {name: sorted(points, key=lambda point: point[0]) for name, points in curves.items()},
    )


def show_shapes(evidence: Evidence, notebook: Notebook) -> None:
    rows: list[list[str | Estimate]] = []
    for precision, of_precision in evidence.runs("trained-shapes").by("precision").items():
        for runs in by_shape(of_precision):
            depth, width = shape_of(runs[0])
            for a in INSIDE:
                these = runs.where({_CONVENTION: a})
                rate = notebook.rate(these.sample(_hits), these.sample(_calls))
                cells = _cells(runs, a, notebook)
                rows.append([precision, f"{depth} x {width}", f"{a:g}", rate, *cells])
    notebook.table(
        "Depth and width in training",
        ["precision", "depth x width", "convention", "hits per call", *_MEASURES],
        rows,
        note="Without normalisation. Calls of relu: examples x units x layers x epochs. A rate has "
        "the interval of a Poisson count, too narrow where zeros come several at a time.",
    )


def tell_of_hits(options: ReluAtZeroOptions, evidence: Evidence, notebook: Notebook) -> None:
    """Where statements about accuracy say nothing, because nothing was hit."""
    for normalization, told in _NORMALISATIONS.items():
        by_precision = _trained(evidence, normalization)
        hit, missed = _split(by_precision)
        if missed:
            count = sum(len(by_precision[precision]) for precision in missed)
            notebook.remark(
                f"Of the {count:,} networks that were trained {told} in {', '.join(missed)}, none "
                "had a pre-activation of exactly 0 at which a gradient arrived: there every "
                "convention trained the same network, and that the accuracies agree holds of "
                "itself. It counts for nothing in the verdict."
                + (f" Hit were some in {', '.join(hit)}." if hit else "")
            )
    precision = shape_precision(options)
    shapes = evidence.runs("trained-shapes").where({"precision": precision})
    hit, missed = _split({_shape(runs[0]): runs for runs in by_shape(shapes)})
    notebook.remark(
        f"Of the shapes that were trained in {precision}, zeros at which a gradient arrived were "
        f"met at {', '.join(hit) or 'none'}"
        + (f", and not at {', '.join(missed)}, which therefore decide nothing." if missed else ".")
    )


def _claim_same(where: str, runs: Runs, a: float, notebook: Notebook) -> None:
    notebook.claim(
        f"Convention {a:g} gives the accuracy of 0 to within a point, {where}.",
        _accuracy(runs, a) - _accuracy(runs, 0.0),
        quantity=f"validation accuracy, convention {a:g} less 0",
        above=-_POINT,
        below=_POINT,
        decisive=_is_hit(runs),
    )


def _cells(runs: Runs, convention: float, notebook: Notebook) -> list[Estimate]:
    """In the order of _MEASURES."""
    these = runs.where({_CONVENTION: convention})
    return [
        notebook.total(these.sample(_hits, diverged=0.0)),
        notebook.total(these.sample(_effective, diverged=0.0)),
        notebook.estimate(these.sample(_first_step)),
        notebook.estimate(_accuracy(runs, convention)),
        notebook.estimate(_accuracy(runs, convention) - _accuracy(runs, 0.0)),
    ]


def _split(groups: Mapping[str, Runs]) -> tuple[list[str], list[str]]:
    """Those with a hit, and those without."""
    hit = [name for name, runs in groups.items() if _is_hit(runs)]
    return hit, [name for name in groups if name not in hit]


def _is_hit(runs: Runs) -> bool:
    return any(_effective(run) > 0 for run in runs)


def _any_hit(runs: Runs) -> Sample:
    """1 for each seed of whose networks one was hit."""
    hit: dict[int, float] = {}
    for run in runs:
        if run.completed:
            hit[run.seed] = max(hit.get(run.seed, 0.0), float(_effective(run) > 0))
    lost = {run.seed: "not measured" for run in runs if run.seed not in hit}
    jobs = tuple(sorted(run.job_id for run in runs))
    return Sample(values=dict(sorted(hit.items())), excluded=dict(sorted(lost.items())), jobs=jobs)


def _trained(evidence: Evidence, normalization: str) -> dict[Any, Runs]:
    """By precision."""
    runs = evidence.runs("trained").where({"network.normalization": normalization})
    return runs.by("precision")


def _accuracy(runs: Runs, convention: float) -> Sample:
    """A network that diverged has learned nothing."""
    return runs.where({_CONVENTION: convention}).sample("validation_metric", diverged=0.0)


def _summed(column: str) -> Callable[[Run], float]:
    return lambda run: float(sum(value for value in run.epochs(column) if value is not None))


_hits = _summed("kink_hits")
_effective = _summed("kink_effective")


def _first_step(run: Run) -> float | None:
    steps = [step for step in run.epochs("first_effective_step") if step is not None]
    return min(steps) if steps else None


def _calls(run: Run) -> float:
    """Of relu, in the training of one network."""
    spec = JobSpec.model_validate(run.spec)
    return float(spec.training_examples * sum(spec.network.hidden_widths) * spec.epochs)


def _shape(run: Run) -> str:
    depth, width = shape_of(run)
    return f"{depth} x {width}"
