"""What is found of it, and what that says."""

import math

from service.domain.findings import Estimate, FigureAxis, Kind
from service.domain.study import Scale
from service.studies.evidence import Evidence, Runs
from service.studies.notebook import Notebook
from service.studies.sample import Sample
from service.studies.template import Sweeps, Template
from service.studies.templates.relu_at_zero.sweeps import (
    CONVENTIONS,
    FORMS,
    ReluAtZeroOptions,
    form_precision,
    training_sweeps,
    zone_sweeps,
)
from service.studies.templates.relu_at_zero.zone import (
    PUBLISHED,
    by_shape,
    calls_of_relu,
    draws_in_zone,
    effective,
    first_step,
    hits,
    published_rate,
    rate_of_zeros,
)

_RARE = 0.02
"""At most one draw in fifty: what 200 draws without a hit can tell."""
_POINT = 0.01
"""A point of accuracy."""


class ReluAtZero(Template[ReluAtZeroOptions]):
    """The *bifurcation zone*: random untrained networks for which the conventions 0 and 1 give the
    first layer's weights gradients that differ in any bit, on any mini-batch of one pass over the
    training part. Statistic: its share of the draws, with bounds of Clopper and Pearson; a draw is
    one network by PyTorch's own initialisation of linear layers. Beside it stands the rate r of
    pre-activations that are exactly 0 per call of relu, which compares between data sets of any
    size: if zeros come singly and each is felt, the share is 1 - exp(-r N), N being examples x
    units x layers. Then networks are trained with the conventions 0, 0.5, 1 and, outside the
    subdifferential, -1 and 2, by precision and normalisation: hits of the kink, effective hits
    (those at which a gradient arrived), the first step after which twins can differ, and the
    accuracy less that of convention 0, seed by seed. Last, `gradient_at_zero`: published code
    writes the convention over the gradient where the chain rule multiplies; both are trained, at
    the same conventions. Whether a sum is exactly 0 is rounding: the report names the engine."""

    number = 2
    name = "relu-at-zero"
    claim = (
        "The value of relu'(0) is a matter of rounding: in single precision it changes the "
        "gradients of some random networks, in double precision of hardly any, and the accuracy "
        "of trained ones does not depend on it."
    )
    source = (
        "Bertoin, Bolte, Gerchinovitz and Pauwels (NeurIPS 2021), Numerical influence of ReLU'(0) "
        "on backpropagation"
    )
    scales = {  # noqa: RUF012  (a constant)
        Scale.QUICK: ReluAtZeroOptions(
            seeds=10,
            dataset="digits",
            draws=30,
            half_draws=1,
            depth=3,
            width=256,
            depths=[1],
            widths=[16, 64],
            precisions=["float32", "bfloat16"],
            epochs=3,
            hidden=[32, 32],
        ),
        Scale.STANDARD: ReluAtZeroOptions(
            seeds=20,
            dataset="digits",
            draws=50,
            half_draws=2,
            depth=3,
            width=256,
            depths=[1, 2, 5],
            widths=[16, 64],
            precisions=["float64", "float32", "bfloat16", "float16"],
            epochs=3,
            hidden=[32, 32],
        ),
        Scale.FULL: ReluAtZeroOptions(
            seeds=10,
            dataset="mnist_784",
            draws=100,
            half_draws=100,
            depth=3,
            width=256,
            depths=[1, 2, 5, 6],
            widths=[16, 64, 512, 1024],
            precisions=["float64", "float32", "bfloat16", "float16"],
            epochs=10,
            hidden=[256, 256, 256],
        ),
    }

    def plan(self, options: ReluAtZeroOptions) -> Sweeps:
        return {**zone_sweeps(options), **training_sweeps(options)}

    def conclude(self, options: ReluAtZeroOptions, evidence: Evidence, notebook: Notebook) -> None:
        zones = evidence.runs("zone").by("precision")
        where = f"{options.depth} x {options.width} on {options.dataset}"
        notebook.claim(
            f"In float32 some random networks lie in the bifurcation zone ({where}).",
            draws_in_zone(zones["float32"]),
            quantity="share of random networks",
            kind=Kind.SHARE,
            above=0.0,
        )
        notebook.claim(
            f"In float64 hardly any does ({where}).",
            draws_in_zone(zones["float64"]),
            quantity="share of random networks",
            kind=Kind.SHARE,
            below=_RARE,
        )
        for precision, runs in _trained(evidence, "none").items():
            for a in (0.5, 1.0):
                notebook.claim(
                    f"Convention {a:g} gives the accuracy of 0 to within a point, in {precision}.",
                    _accuracy(runs, a) - _accuracy(runs, 0.0),
                    quantity=f"validation accuracy, convention {a:g} less 0",
                    above=-_POINT,
                    below=_POINT,
                )
        self._claim_forms(options, evidence, notebook)
        self._show_zone(options, evidence, notebook)
        self._show_training(options, evidence, notebook)
        _tell_scope(options, evidence, notebook)

    @staticmethod
    def _claim_forms(options: ReluAtZeroOptions, evidence: Evidence, notebook: Notebook) -> None:
        """Not decisive: whether published curves are an artefact is their code's affair."""
        forms = evidence.runs("forms")
        rows: list[list[str | Estimate]] = []
        for a, runs in forms.by("activation.derivative_at_zero").items():
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
                    notebook.total(by_form[FORMS[1]].sample(hits)),
                ]
            )
        notebook.table(
            "The convention multiplied, and written over the gradient",
            ["convention", "accuracy, chain rule", "accuracy, overwritten", "hits, overwritten"],
            rows,
            note="A run that diverged counts as accuracy 0.",
        )

    @staticmethod
    def _show_zone(options: ReluAtZeroOptions, evidence: Evidence, notebook: Notebook) -> None:
        cells: list[tuple[str, Runs]] = []
        for name in ("zone", "zone-half"):
            cells += [(one, runs) for one, runs in evidence.runs(name).by("precision").items()]
        cells += [("float32", runs) for runs in by_shape(evidence.runs("zone-shapes"))]
        rows: list[list[str | Estimate]] = []
        for precision, runs in cells:
            hidden = runs[0].spec["network"]["hidden"]
            shape = len(hidden), hidden[0]
            rate, calls = (
                rate_of_zeros(runs),
                calls_of_relu(runs[0]) / runs[0].spec["probes"]["bifurcation_draws"],
            )
            published = PUBLISHED.get(shape) if precision == "float32" else None
            rows.append(
                [
                    precision,
                    f"{shape[0]} x {shape[1]}",
                    notebook.estimate(draws_in_zone(runs), Kind.SHARE),
                    notebook.total(runs.sample("bifurcation_zeros")),
                    notebook.theory(rate),
                    notebook.theory(1 - math.exp(-rate * calls)),
                    "" if published is None else notebook.theory(published_rate(shape, published)),
                    ""
                    if published is None
                    else notebook.theory(1 - math.exp(-published_rate(shape, published) * calls)),
                ]
            )
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
            rows,
            note="Calls of relu by one network: examples x units x layers. The published rate is "
            "-ln(1 - P) / calls of the counts on MNIST in float32, mini-batches of 256.",
        )

    @staticmethod
    def _show_training(options: ReluAtZeroOptions, evidence: Evidence, notebook: Notebook) -> None:
        rows: list[list[str | Estimate]] = []
        curves: dict[str, list[tuple[float, Estimate]]] = {}
        for normalization in ("none", "batch"):
            for precision, runs in _trained(evidence, normalization).items():
                for a in CONVENTIONS:
                    these = runs.where({"activation.derivative_at_zero": a})
                    change = notebook.estimate(_accuracy(runs, a) - _accuracy(runs, 0.0))
                    rows.append(
                        [
                            precision,
                            normalization,
                            f"{a:g}",
                            notebook.total(these.sample(hits, diverged=0.0)),
                            notebook.total(these.sample(effective, diverged=0.0)),
                            notebook.estimate(these.sample(first_step)),
                            notebook.estimate(these.sample("validation_metric", diverged=0.0)),
                            change,
                        ]
                    )
                    if a:
                        curves.setdefault(f"{precision}, {normalization}", []).append((a, change))
        notebook.table(
            f"Networks of {' x '.join(map(str, options.hidden))}, trained",
            [
                "precision",
                "normalisation",
                "convention",
                "kink hits",
                "effective hits",
                "first effective step",
                "accuracy",
                "accuracy less that of 0",
            ],
            rows,
            note="Hits are summed over all epochs and seeds. A first step has only who was hit.",
        )
        notebook.figure(
            "Accuracy by convention",
            FigureAxis(label="convention"),
            FigureAxis(label="validation accuracy less that of convention 0"),
            {name: sorted(points, key=lambda point: point[0]) for name, points in curves.items()},
        )


def _trained(evidence: Evidence, normalization: str) -> dict[str, Runs]:
    """By precision."""
    runs = evidence.runs("trained").where({"network.normalization": normalization})
    return runs.by("precision")


def _accuracy(runs: Runs, convention: float) -> Sample:
    """A network that diverged has learned nothing."""
    chosen = runs.where({"activation.derivative_at_zero": convention})
    return chosen.sample("validation_metric", diverged=0.0)


def _tell_scope(options: ReluAtZeroOptions, evidence: Evidence, notebook: Notebook) -> None:
    for what, name in (("Zones were", "zone"), ("Networks were", "trained")):
        engines = sorted(
            {
                f"{run.environment.get('engine')} (blas {run.environment.get('blas')}, "
                f"{run.environment.get('device')})"
                for run in evidence.runs(name)
                if run.environment
            }
        )
        if engines:
            notebook.remark(
                f"{what} computed by {', '.join(engines)}: whether a sum is exactly 0 "
                "depends on the order in which it is taken, and on where the bias is "
                "added."
            )
    notebook.remark(
        "The published counts for float64, 0 of 1,000, come from code that leaves the loop before "
        "the first mini-batch where the precision is 64; here float64 has as many draws as float32."
    )
    if options.dataset == "digits":
        notebook.remark(
            "Published at MNIST, 60,000 images of 784 pixels; digits has 1,438 of 64 to train on. "
            "Only rates per call compare. At the published rate of 3 x 256 about 1.5% of the "
            "networks would lie in the zone here."
        )
    notebook.remark(
        "What is found of the two forms holds for these fully connected networks, at this depth "
        "and precision. It says that published curves may be an artefact of the form, not that "
        "they are: ResNet-18 was not trained here."
    )


TEMPLATE = ReluAtZero()
