"""Is softplus(beta) relu with the derivative 0.5 at 0, as beta grows?"""

import math
from functools import partial
from typing import Annotated

from pydantic import Field

from service.domain.base import JsonObject
from service.domain.findings import Estimate, FigureAxis, Kind
from service.domain.study import Scale
from service.studies.evidence import Evidence, Run, Runs
from service.studies.notebook import Notebook
from service.studies.sample import Sample, across
from service.studies.statistics import slope
from service.studies.template import Options, Sweeps, Template, sweep
from service.studies.timing import QUANTITY, TIMED, cost_over_relu

_SAME = 0.01
"""Accuracies that differ by less than a percentage point are called the same."""


class SoftplusLimitOptions(Options):
    betas: Annotated[
        list[Annotated[float, Field(gt=0, le=100)]],
        Field(min_length=2, description="Sharpness of softplus, ascending."),
    ]
    hidden: Annotated[list[Annotated[int, Field(ge=1, le=4096)]], Field(min_length=1)]
    learning_rate: Annotated[float, Field(gt=0)]
    epochs: Annotated[int, Field(ge=1, le=1000)]


class SoftplusLimit(Template[SoftplusLimitOptions]):
    """softplus(x) = log(1 + exp(beta x)) / beta lies above relu by at most log(2) / beta, at x = 0,
    where its derivative is 0.5 for every beta: so its limit is relu with the convention 0.5. Does
    training follow? Statistic: with the same seed (initial weights, order of batches), D(beta) is
    the largest difference over the epochs between the training losses of softplus(beta) and of
    relu with derivative_at_zero 0.5; per seed the slope of log10 D over log10 beta by least
    squares. Training *tends* to that of relu where the slope lies below -0.5 (0: nothing is gained
    by a sharper one; -1: in step with the gap of the functions). At the largest beta the final
    validation accuracies are *the same* where their mean difference lies within one percentage
    point. Cost is the time of forward and backward of PyTorch's softplus over relu's, both timed by
    turns in a job of its own on a tensor of the training's size, as study 10 does: not that of an
    epoch, which a cohort shares, so that seeds do not repeat it. Beside it: how often relu's
    pre-activations were exactly 0, for only there can the convention tell 0.5 from 0 or 1."""

    number = 3
    name = "softplus-limit"
    claim = (
        "As beta grows, softplus(beta) becomes relu with the derivative 0.5 at 0: in value, at the "
        "kink, and in training."
    )
    source = "Dugas et al. (2001); Glorot, Bordes and Bengio (2011), section 3"
    scales = {  # noqa: RUF012  (a constant)
        Scale.QUICK: SoftplusLimitOptions(
            seeds=5, betas=[1, 3, 10, 30, 100], hidden=[32, 32], learning_rate=0.05, epochs=10
        ),
        Scale.STANDARD: SoftplusLimitOptions(
            seeds=20,
            betas=[1, 2, 5, 10, 20, 50, 100],
            hidden=[128, 128],
            learning_rate=0.05,
            epochs=20,
        ),
        Scale.FULL: SoftplusLimitOptions(
            seeds=50,
            betas=[1, 2, 5, 10, 20, 50, 100],
            hidden=[256, 256, 256],
            learning_rate=0.05,
            epochs=50,
        ),
    }

    def plan(self, options: SoftplusLimitOptions) -> Sweeps:
        base: JsonObject = {
            "dataset": {"name": "digits"},
            "network": {"kind": "mlp", "hidden": options.hidden},
            "loss": {"name": "cross_entropy"},
            "optimizer": {"name": "sgd", "learning_rate": options.learning_rate},
            "epochs": options.epochs,
            "probes": {"unit_activity": False},
        }
        return {
            "softplus": sweep(
                base | {"activation": {"name": "softplus"}},
                {"activation.beta": options.betas},
                seeds=options.seeds,
            ),
            "relu": sweep(
                base | {"activation": {"name": "relu"}},
                {"activation.derivative_at_zero": [0.0, 0.5, 1.0]},
                seeds=options.seeds,
            ),
            "cost": sweep(
                base | {"activation": {"name": "softplus"}, **TIMED},
                {"activation.beta": options.betas},
                seeds=options.seeds,
            ),
        }

    def conclude(
        self, options: SoftplusLimitOptions, evidence: Evidence, notebook: Notebook
    ) -> None:
        by_beta = evidence.runs("softplus").by("activation.beta")
        relu = evidence.runs("relu").where({"activation.derivative_at_zero": 0.5})
        distances = {beta: _distance(runs, relu) for beta, runs in by_beta.items()}
        logs = [math.log10(beta) for beta in distances]
        notebook.claim(
            "The sharper softplus is, the nearer its training is to that of relu.",
            across([one.map(math.log10) for one in distances.values()], partial(slope, logs)),
            quantity="slope of log10 of the curves' distance over log10 beta",
            below=-0.5,
        )
        sharpest = max(by_beta)
        accuracy = by_beta[sharpest].sample("validation_metric")
        notebook.claim(
            f"At beta = {sharpest:g} it ends with the same accuracy.",
            accuracy - relu.sample("validation_metric"),
            quantity="validation accuracy of softplus minus that of relu",
            above=-_SAME,
            below=_SAME,
        )
        costs = {
            beta: cost_over_relu(runs)
            for beta, runs in evidence.runs("cost").by("activation.beta").items()
        }
        notebook.claim(
            f"At beta = {sharpest:g} softplus costs more than relu, forward and backward.",
            costs[sharpest],
            quantity=QUANTITY,
            above=1.0,
            kind=Kind.GEOMETRIC_MEAN,
            decisive=False,
        )
        _show_distances(by_beta, distances, costs, relu, notebook)
        _show_curves(options, by_beta, relu, notebook)
        _show_kinks(evidence.runs("relu"), notebook)
        notebook.remark(
            "Value and derivative at 0 are facts about the functions, which the engine's tests "
            "check; what a study adds is whether training follows. PyTorch's softplus, and ours, "
            "is x itself where beta x is above 20."
        )


def _distance(softplus: Runs, relu: Runs) -> Sample:
    """The largest difference of the training losses over the epochs, seed by seed."""
    curves = {run.seed: run.epochs("train_loss") for run in relu if run.completed}

    def measure(run: Run) -> float | None:
        pairs = list(zip(run.epochs("train_loss"), curves.get(run.seed, []), strict=False))
        known = [abs(a - b) for a, b in pairs if a is not None and b is not None]
        return max(known, default=None)

    found = softplus.sample(measure)
    jobs = tuple(sorted({*found.jobs, *(run.job_id for run in relu)}))
    return Sample(values=found.values, excluded=found.excluded, jobs=jobs)


def _show_distances(
    by_beta: dict[float, Runs],
    distances: dict[float, Sample],
    costs: dict[float, Sample],
    relu: Runs,
    notebook: Notebook,
) -> None:
    accuracy = relu.sample("validation_metric")
    rows: list[list[str | Estimate]] = [
        [
            f"{beta:g}",
            notebook.theory(math.log(2) / beta),
            notebook.theory(0.5),
            notebook.estimate(distances[beta], Kind.GEOMETRIC_MEAN),
            notebook.estimate(runs.sample("validation_metric") - accuracy),
            notebook.estimate(costs[beta], Kind.GEOMETRIC_MEAN),
        ]
        for beta, runs in by_beta.items()
    ]
    notebook.table(
        "Softplus against relu with the derivative 0.5 at 0",
        [
            "beta",
            "largest gap of the functions, log(2) / beta",
            "derivative at 0",
            "largest distance of the training losses",
            "difference of validation accuracy",
            QUANTITY,
        ],
        rows,
        note="Times are of PyTorch's modules, by turns, on a tensor of the training's size: a part "
        "of what an epoch takes.",
    )
    notebook.figure(
        "Distance to relu by sharpness",
        FigureAxis(label="beta", scale="log"),
        FigureAxis(label="distance", scale="log"),
        {
            "training losses": [
                (beta, notebook.estimate(one, Kind.GEOMETRIC_MEAN))
                for beta, one in distances.items()
            ],
            "functions, log(2) / beta": [
                (beta, notebook.theory(math.log(2) / beta)) for beta in distances
            ],
        },
    )


def _show_curves(
    options: SoftplusLimitOptions, by_beta: dict[float, Runs], relu: Runs, notebook: Notebook
) -> None:
    shown = {f"softplus, beta {beta:g}": runs for beta, runs in by_beta.items()} | {"relu": relu}
    notebook.figure(
        "Training curves",
        FigureAxis(label="epochs"),
        FigureAxis(label="training loss", scale="log"),
        {
            label: [
                (epoch, notebook.estimate(runs.sample(partial(_loss_at, epoch))))
                for epoch in range(options.epochs + 1)
            ]
            for label, runs in shown.items()
        },
    )


def _loss_at(epoch: int, run: Run) -> float | None:
    losses = run.epochs("train_loss")
    return losses[epoch] if epoch < len(losses) else None


def _show_kinks(relu: Runs, notebook: Notebook) -> None:
    rows: list[list[str | Estimate]] = [
        [
            f"{convention:g}",
            notebook.total(runs.sample(partial(_sum, "kink_hits"))),
            notebook.total(runs.sample(partial(_sum, "kink_effective"))),
            notebook.estimate(runs.sample("train_loss")),
        ]
        for convention, runs in relu.by("activation.derivative_at_zero").items()
    ]
    notebook.table(
        "Could the convention matter? relu by its derivative at 0 (float32)",
        ["derivative at 0", "pre-activations exactly 0", "of them effective", "final loss"],
        rows,
    )


def _sum(column: str, run: Run) -> float | None:
    counts = run.epochs(column)
    return float(sum(count or 0 for count in counts)) if counts else None


TEMPLATE = SoftplusLimit()
