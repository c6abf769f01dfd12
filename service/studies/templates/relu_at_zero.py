"""What does the value of relu'(0) change?"""

import math
from typing import Annotated, Literal

from pydantic import Field

from service.domain.base import JsonObject
from service.domain.findings import Estimate, FigureAxis, Kind
from service.domain.spec import JobSpec
from service.domain.study import Scale
from service.studies.evidence import Evidence, Run, Runs
from service.studies.notebook import Notebook
from service.studies.sample import Sample
from service.studies.template import Options, Sweeps, Template, sweep

Width = Annotated[int, Field(ge=1, le=4096)]
Depth = Annotated[int, Field(ge=1, le=32)]
Precision = Literal["float64", "float32", "bfloat16", "float16"]

_RARE = 0.02
"""At most one draw in fifty: what 200 draws without a hit can tell."""
_POINT = 0.01
"""A point of accuracy."""
_HALVES = ("bfloat16", "float16")
_CONVENTIONS = (0.0, 0.5, 1.0, -1.0, 2.0)
_MNIST_EXAMPLES = 60_000
_PUBLISHED: dict[tuple[int, int], float] = {
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


class ReluAtZeroOptions(Options):
    dataset: Annotated[
        Literal["digits", "mnist_784"],
        Field(description="mnist_784 comes from OpenML; both have their pixels in [0, 1]."),
    ]
    draws: Annotated[
        int, Field(ge=1, le=10_000, description="Random networks of each job, in full precision.")
    ]
    half_draws: Annotated[
        int,
        Field(ge=1, le=10_000, description="The same in half precision, which is slow on CPUs."),
    ]
    depth: Annotated[Depth, Field(description="Hidden layers where widths and precisions vary.")]
    width: Annotated[Width, Field(description="Units where depths and precisions vary.")]
    depths: Annotated[list[Depth], Field(min_length=1)]
    widths: Annotated[list[Width], Field(min_length=1)]
    precisions: Annotated[
        list[Precision], Field(min_length=1, description="Of the networks to train.")
    ]
    epochs: Annotated[int, Field(ge=1, le=1000, description="Epochs of their training.")]
    hidden: Annotated[
        list[Width], Field(min_length=1, description="Hidden layers of the networks to train.")
    ]


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
        return {**_zones(options), **_trainings(options)}

    def conclude(self, options: ReluAtZeroOptions, evidence: Evidence, notebook: Notebook) -> None:
        zones = evidence.runs("zone").by("precision")
        where = f"{options.depth} x {options.width} on {options.dataset}"
        notebook.claim(
            f"In float32 some random networks lie in the bifurcation zone ({where}).",
            _draws(zones["float32"]),
            quantity="share of random networks",
            kind=Kind.SHARE,
            above=0.0,
        )
        notebook.claim(
            f"In float64 hardly any does ({where}).",
            _draws(zones["float64"]),
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
            chain, written = (by_form[f].sample("validation_metric", diverged=0.0) for f in _FORMS)
            notebook.claim(
                f"Written over the gradient, convention {a:g} costs accuracy that it does not cost "
                f"by the chain rule ({_form_precision(options)}).",
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
                    notebook.total(by_form[_FORMS[1]].sample(_hits)),
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
        cells += [("float32", runs) for runs in _by_shape(evidence.runs("zone-shapes"))]
        rows: list[list[str | Estimate]] = []
        for precision, runs in cells:
            hidden = runs[0].spec["network"]["hidden"]
            shape = len(hidden), hidden[0]
            rate, calls = _rate(runs), _calls(runs[0]) / runs[0].spec["probes"]["bifurcation_draws"]
            published = _PUBLISHED.get(shape) if precision == "float32" else None
            rows.append(
                [
                    precision,
                    f"{shape[0]} x {shape[1]}",
                    notebook.estimate(_draws(runs), Kind.SHARE),
                    notebook.total(runs.sample("bifurcation_zeros")),
                    notebook.theory(rate),
                    notebook.theory(1 - math.exp(-rate * calls)),
                    "" if published is None else notebook.theory(_published_rate(shape, published)),
                    ""
                    if published is None
                    else notebook.theory(1 - math.exp(-_published_rate(shape, published) * calls)),
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
                for a in _CONVENTIONS:
                    these = runs.where({"activation.derivative_at_zero": a})
                    change = notebook.estimate(_accuracy(runs, a) - _accuracy(runs, 0.0))
                    rows.append(
                        [
                            precision,
                            normalization,
                            f"{a:g}",
                            notebook.total(these.sample(_hits, diverged=0.0)),
                            notebook.total(these.sample(_effective, diverged=0.0)),
                            notebook.estimate(these.sample(_first_step)),
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


_FORMS = ("chain_rule", "overwrite")


def _dataset(options: ReluAtZeroOptions) -> JsonObject:
    if options.dataset == "digits":
        return {"name": "digits", "scaling": "global_minmax"}
    return {
        "name": "openml",
        "openml_name": "mnist_784",
        "version": 1,
        "scaling": "global_minmax",
        "validation_fraction": 1 / 7,
    }


def _base(options: ReluAtZeroOptions, **more: object) -> JsonObject:
    return {
        "dataset": _dataset(options),
        "activation": {"name": "relu", "derivative_at_zero": 0.0},
        "network": {"init": {"name": "torch_default"}},
        "loss": {"name": "cross_entropy"},
        "optimizer": {"name": "sgd", "learning_rate": 0.1},
        "probes": {"unit_activity": False},
        **more,
    }


def _zones(options: ReluAtZeroOptions) -> Sweeps:
    def zone(draws: int) -> JsonObject:
        probes = {"unit_activity": False, "bifurcation_draws": draws}
        return _base(options, epochs=0, batch_size=256, probes=probes)

    usual = [options.width] * options.depth
    shapes = [[options.width] * depth for depth in options.depths]
    shapes += [[width] * options.depth for width in options.widths]
    return {
        "zone": sweep(
            zone(options.draws),
            {"precision": ["float32", "float64"], "network.hidden": [usual]},
            seeds=options.seeds,
        ),
        "zone-half": sweep(
            zone(options.half_draws),
            {"precision": list(_HALVES), "network.hidden": [usual]},
            seeds=options.seeds,
        ),
        "zone-shapes": sweep(zone(options.draws), {"network.hidden": shapes}, seeds=options.seeds),
    }


def _trainings(options: ReluAtZeroOptions) -> Sweeps:
    base = _base(options, epochs=options.epochs, batch_size=64)
    base["network"] = {"hidden": options.hidden}
    return {
        "trained": sweep(
            base,
            {
                "precision": list(options.precisions),
                "network.normalization": ["none", "batch"],
                "activation.derivative_at_zero": list(_CONVENTIONS),
            },
            seeds=options.seeds,
        ),
        "forms": sweep(
            {**base, "precision": _form_precision(options)},
            {
                "activation.gradient_at_zero": list(_FORMS),
                "activation.derivative_at_zero": [0.2, 1.0],
            },
            seeds=options.seeds,
        ),
    }


def _form_precision(options: ReluAtZeroOptions) -> Precision:
    """Where zeros are most frequent."""
    return "bfloat16" if "bfloat16" in options.precisions else options.precisions[0]


def _trained(evidence: Evidence, normalization: str) -> dict[str, Runs]:
    """By precision."""
    runs = evidence.runs("trained").where({"network.normalization": normalization})
    return runs.by("precision")


def _accuracy(runs: Runs, convention: float) -> Sample:
    """A network that diverged has learned nothing."""
    chosen = runs.where({"activation.derivative_at_zero": convention})
    return chosen.sample("validation_metric", diverged=0.0)


def _summed(run: Run, column: str) -> float:
    return float(sum(value for value in run.epochs(column) if value is not None))


def _hits(run: Run) -> float:
    return _summed(run, "kink_hits")


def _effective(run: Run) -> float:
    return _summed(run, "kink_effective")


def _first_step(run: Run) -> float | None:
    steps = [step for step in run.epochs("first_effective_step") if step is not None]
    return min(steps) if steps else None


def _by_shape(runs: Runs) -> list[Runs]:
    return list(runs.by("network.hidden").values())


def _draws(runs: Runs) -> Sample:
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


def _calls(run: Run) -> int:
    """Of relu, by all draws of the job."""
    spec = JobSpec.model_validate(run.spec)
    units = sum(spec.network.hidden_widths)
    return spec.training_examples * units * spec.probes.bifurcation_draws


def _rate(runs: Runs) -> float:
    """Exact zeros per call of relu."""
    known = [(zeros, run) for run in runs if (zeros := run.last("bifurcation_zeros")) is not None]
    calls = sum(_calls(run) for _, run in known)
    return sum(zeros for zeros, _ in known) / calls if calls else 0.0


def _published_rate(shape: tuple[int, int], share: float) -> float:
    depth, width = shape
    return -math.log1p(-share) / (_MNIST_EXAMPLES * depth * width)


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
