"""Linear regression by squared and by absolute error: who arrives, how soon, who is dragged away
by outliers, and whether the derivative of |r| at 0 matters."""

import math
from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from service.domain.base import JsonObject
from service.domain.findings import Estimate, FigureAxis, Kind
from service.domain.spec import JobSpec
from service.domain.study import Scale
from service.domain.sweep import SweepSpec
from service.studies.evidence import Evidence, Runs
from service.studies.notebook import Notebook
from service.studies.template import Options, Sweeps, Template, sweep
from service.studies.templates.mse_versus_mae.measures import (
    best,
    changed,
    hits,
    late_change,
    log_gap,
    mean,
    residuals,
    shift,
    steps_until_near,
)

_LOSSES = ("mse", "mae")
_CONVENTIONS = (-1.0, 0.0, 1.0)
_REACHED = -6.0

_DATA: dict[str, JsonObject] = {
    "linear": {"name": "linear", "features": 8, "noise": 0.1},
    "diabetes": {"name": "diabetes", "scale_target": True},
}


class MseVersusMaeOptions(Options):
    data: Annotated[
        list[Literal["linear", "diabetes"]],
        Field(min_length=1, description="Where reach and speed are shown; claims are on linear."),
    ]
    size: Annotated[int, Field(ge=20, le=100_000, description="Examples of the synthetic data.")]
    outliers: Annotated[float, Field(gt=0, le=0.5, description="Share of moved targets.")]
    zeros: Annotated[float, Field(gt=0, lt=1, description="Share of targets that are 0.")]
    rates: Annotated[
        list[Annotated[float, Field(gt=0)]],
        Field(min_length=1, description="Learning rates, each of them constant."),
    ]
    epochs: Annotated[int, Field(ge=10, le=10_000, description="Steps over all examples.")]


class MseVersusMae(Template[MseVersusMaeOptions]):
    """Linear regression from weights 0 by gradient descent over the whole training part in
    float64; each seed draws other data (for diabetes: another split). The exact optimum is known:
    least squares by singular values, least absolute deviations by linear programming. Statistics,
    each at the best of the rates for the seed: the gap g = (loss − optimum) / optimum at the end
    (as log10 g, not below -16; *reached* where it is below -6); the steps until g is below 1% (a
    seed that never gets there counts with all its steps); and the shift |w' − w| / |w| of the
    weights that the same data with outliers leave, squared against absolute error. The derivative
    of |r| at 0 is -1, 0 or 1: it *changes* a training where the final weights of the three differ
    in any bit. It is tried on real-valued targets and on integers, half of them 0, where the start
    at weights 0 puts half of the residuals at the kink."""

    number = 1
    name = "mse-versus-mae"
    claim = (
        "Squared error is brought to its optimum, and soon; absolute error resists outliers, but a "
        "constant step never settles at its kink; which derivative |r| has at 0 does not matter."
    )
    source = (
        "Textbook folklore on L1 and L2 regression; Boyd and Mutapcic, Subgradient Methods "
        "(EE364b, 2008), for constant steps; Birkes and Dodge (1993) for the vertices of least "
        "absolute deviations"
    )
    scales = {  # noqa: RUF012  (a constant)
        Scale.QUICK: MseVersusMaeOptions(
            seeds=8,
            data=["linear"],
            size=256,
            outliers=0.05,
            zeros=0.5,
            rates=[0.02, 0.2],
            epochs=100,
        ),
        Scale.STANDARD: MseVersusMaeOptions(
            seeds=10,
            data=["linear", "diabetes"],
            size=512,
            outliers=0.05,
            zeros=0.5,
            rates=[0.01, 0.05, 0.2],
            epochs=300,
        ),
        Scale.FULL: MseVersusMaeOptions(
            seeds=30,
            data=["linear", "diabetes"],
            size=512,
            outliers=0.05,
            zeros=0.5,
            rates=[0.003, 0.01, 0.05, 0.2],
            epochs=3000,
        ),
    }

    def plan(self, options: MseVersusMaeOptions) -> Sweeps:
        sweeps: Sweeps = {}
        for name in _shown(options):
            axes = {"loss.name": list(_LOSSES), "optimizer.learning_rate": options.rates}
            sweeps[name] = _sweep(options, _base(options, name), axes)
        decaying = {"schedule": {"name": "cosine"}, "learning_rate": max(options.rates)}
        for name, outliers in (("clean", 0.0), ("moved", options.outliers)):
            base = _base(options, "linear", outliers=outliers) | {"optimizer": decaying}
            sweeps[name] = _sweep(options, base, {"loss.name": list(_LOSSES)})
        for name, zeros in (("real", 0.0), ("counts", options.zeros)):
            base = _base(options, "linear", zeros=zeros) | {
                "optimizer": {"learning_rate": min(options.rates)},
                "loss": {"name": "mae"},
                "epochs": min(options.epochs, 50),
            }
            axes = {"loss.derivative_at_zero": list(_CONVENTIONS)}
            sweeps[f"convention-{name}"] = _sweep(options, base, axes)
        return sweeps

    def conclude(
        self, options: MseVersusMaeOptions, evidence: Evidence, notebook: Notebook
    ) -> None:
        linear = evidence.runs("linear").by("loss.name")
        _claim_reach(linear, evidence.runs("clean").where({"loss.name": "mae"}), notebook)
        notebook.claim(
            "Squared error is near its optimum in fewer steps than absolute error.",
            best(linear["mae"], steps_until_near).map(math.log10)
            - best(linear["mse"], steps_until_near).map(math.log10),
            quantity="log10 of steps (absolute) over steps (squared) until the gap is below 1%",
            above=0.0,
        )
        notebook.claim(
            "Outliers move the optimum of squared error more than twice as far.",
            (shift(evidence, "mse") / shift(evidence, "mae")).map(math.log10),
            quantity="log10 of the weights' relative shift, squared over absolute error",
            above=math.log10(2),
        )
        _claim_conventions(evidence, notebook)
        _show_gaps(options, evidence, notebook)
        _show_shifts(evidence, notebook)
        _show_conventions(evidence, notebook)
        _tell_of_the_kink(linear["mae"], evidence.runs("clean"), notebook)


def _shown(options: MseVersusMaeOptions) -> list[str]:
    return sorted({*options.data, "linear"})


def _base(options: MseVersusMaeOptions, data: str, **changes: float) -> JsonObject:
    size = {"size": options.size} if data == "linear" else {}
    return {
        "dataset": {**_DATA[data], **size, **changes},
        "network": {"kind": "linear"},
        "activation": {"name": "identity"},
        "loss": {},
        "optimizer": {},
        "epochs": options.epochs,
        "batch_size": 65_536,
        "precision": "float64",
    }


def _sweep(options: MseVersusMaeOptions, base: JsonObject, axes: JsonObject) -> SweepSpec:
    drawn = base["dataset"]["name"] == "linear"
    seeded = ["dataset.split_seed", *(["dataset.seed"] if drawn else [])]
    return sweep(base, axes, seeds=options.seeds, seeded=seeded)


def _claim_reach(linear: dict[str, Runs], decaying: Runs, notebook: Notebook) -> None:
    gap = "log10 of the gap at the end, at the best rate"
    notebook.claim(
        "Squared error reaches its optimum with a constant step.",
        best(linear["mse"], log_gap),
        quantity=gap,
        below=_REACHED,
    )
    notebook.claim(
        "Absolute error does not, at any of the constant steps.",
        best(linear["mae"], log_gap),
        quantity=gap,
        above=_REACHED,
    )
    notebook.claim(
        "A decaying step brings absolute error ten times nearer than the best constant one.",
        decaying.sample(log_gap) - best(linear["mae"], log_gap),
        quantity="log10 of the gap with cosine decay over that with the best constant step",
        below=-1.0,
        decisive=False,
    )


def _claim_conventions(evidence: Evidence, notebook: Notebook) -> None:
    notebook.claim(
        "On real-valued targets the derivative of |r| at 0 changes nothing.",
        changed(evidence.runs("convention-real")),
        quantity="share of seeds whose final weights depend on the convention",
        below=0.5,
        kind=Kind.SHARE,
    )
    notebook.claim(
        "On integers with many zeros, started from 0, it changes the weights.",
        changed(evidence.runs("convention-counts")),
        quantity="share of seeds whose final weights depend on the convention",
        above=0.5,
        kind=Kind.SHARE,
        decisive=False,
    )


def _show_gaps(options: MseVersusMaeOptions, evidence: Evidence, notebook: Notebook) -> None:
    rows: list[list[str | Estimate]] = []
    for data in _shown(options):
        for loss, runs in evidence.runs(data).by("loss.name").items():
            for rate, at_rate in runs.by("optimizer.learning_rate").items():
                gaps, steps = at_rate.sample(log_gap), at_rate.sample(steps_until_near)
                estimates = [notebook.estimate(gaps), notebook.estimate(steps)]
                rows.append([data, loss, f"{rate:g}", *estimates])
    notebook.table(
        "How near, and how soon, by constant rate",
        ["data", "loss", "rate", "log10 of the final gap", "steps until the gap is below 1%"],
        rows,
    )
    curves = {}
    for loss, runs in evidence.runs("linear").by("loss.name").items():
        for rate, at_rate in runs.by("optimizer.learning_rate").items():
            curves[f"{loss}, rate {rate:g}"] = _curve(at_rate, options.epochs, notebook)
    decaying = evidence.runs("clean").where({"loss.name": "mae"})
    curves["mae, decaying"] = _curve(decaying, options.epochs, notebook)
    notebook.figure(
        "The gap over the steps (linear data)",
        FigureAxis(label="steps", scale="log"),
        FigureAxis(label="log10 of the gap"),
        curves,
    )


def _curve(runs: Runs, epochs: int, notebook: Notebook) -> list[tuple[float, Estimate]]:
    shown = sorted({min(round(1.5**k), epochs) for k in range(60)})
    return [(step, notebook.estimate(runs.sample(partial(log_gap, epoch=step)))) for step in shown]


def _show_shifts(evidence: Evidence, notebook: Notebook) -> None:
    notebook.table(
        "How far outliers move the weights",
        ["loss", "|w' − w| / |w|"],
        [[loss, notebook.estimate(shift(evidence, loss), Kind.GEOMETRIC_MEAN)] for loss in _LOSSES],
        note="Geometric mean. Both trainings end with a step that has decayed to 0.",
    )


def _show_conventions(evidence: Evidence, notebook: Notebook) -> None:
    rows: list[list[str | Estimate]] = []
    for targets in ("real", "counts"):
        runs = evidence.runs(f"convention-{targets}")
        for convention, at_zero in runs.by("loss.derivative_at_zero").items():
            counts = [notebook.total(at_zero.sample(measure)) for measure in (hits, residuals)]
            loss = notebook.estimate(at_zero.sample("train_loss"))
            rows.append([targets, f"{convention:g}", *counts, loss])
    notebook.table(
        "Residuals that were exactly 0, by the derivative of |r| there",
        [
            "targets",
            "derivative",
            "residuals at the kink, all epochs",
            "of residuals",
            "final training loss",
        ],
        rows,
    )


def _tell_of_the_kink(constant: Runs, decayed: Runs, notebook: Notebook) -> None:
    """What a constant step does where the kink lies at the solution itself."""
    spec = JobSpec.model_validate(constant[0].spec)
    features, steps = spec.dataset.feature_count, spec.epochs
    told = [
        f"{rate:g}: 10^{mean(runs, log_gap)}, by {mean(runs, late_change)} decades in the "
        "second half"
        for rate, runs in constant.by("optimizer.learning_rate").items()
    ]
    notebook.remark(
        f"The optimum of absolute error is a vertex: with {features} features {features + 1} "
        "residuals are exactly 0 there, so the kink lies at the solution itself, and beside it the "
        f"gradient jumps by fixed amounts. The gap after {steps} steps at constant rates (means "
        f"over the seeds; by how much it changed in the second half of the steps tells whether a "
        f"rate still comes nearer or goes to and fro): {'; '.join(told)}. With a step that decays "
        f"to 0: 10^{mean(decayed.where({'loss.name': 'mae'}), log_gap)}."
    )


TEMPLATE = MseVersusMae()
