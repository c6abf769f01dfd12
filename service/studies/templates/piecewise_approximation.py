"""How fast does the error of a relu network fall with its units?"""

import math
from functools import partial
from typing import Annotated

from pydantic import Field

from service.domain.base import JsonObject
from service.domain.findings import FigureAxis, Kind
from service.domain.study import Scale
from service.studies.evidence import Evidence, Measure, Run, Runs
from service.studies.notebook import Notebook
from service.studies.sample import Sample, across
from service.studies.statistics import slope
from service.studies.template import Options, Sweeps, Template, sweep

_RATE = -2.0
_MARGIN = 0.5
_UNITS = "network.hidden"
_SMOOTH = {"sine": "sine", "bump": "Gaussian bump"}
"""Targets about which something is stated."""
_CONTROL = "abs"


class PiecewiseApproximationOptions(Options):
    units: Annotated[
        list[Annotated[int, Field(ge=1, le=4096)]],
        Field(min_length=3, description="Units of the one hidden layer."),
    ]
    epochs: Annotated[int, Field(ge=1, le=10_000, description="Epochs of training.")]
    examples: Annotated[
        int, Field(ge=16, le=100_000, description="Examples, a quarter of them for validation.")
    ]


class PiecewiseApproximation(Template[PiecewiseApproximationOptions]):
    """A relu network of one input computes a piecewise linear function; n units of one hidden layer
    bend it in n places at most. The best continuous piecewise linear function with n free knots
    misses a smooth function by a root mean square error of order n^-2 (de Boor 1973). Two such are
    learned, sin(pi x) and exp(-4 x^2), on [-sqrt 3, sqrt 3]. Statistic: per seed the slope of
    log10(error) over log10(n) by least squares, the error being the root mean square over a
    validation part without noise, after training by Adam with a cosine schedule. The error falls
    *like the best* if the slope lies between -2.5 and -1.5. The count of linear regions is that of
    the trained function, on the interval of the training part, exact up to float64. The absolute
    value is the control: two units represent it exactly, so more add nothing that could be called
    a rate."""

    number = 9
    name = "piecewise-approximation"
    claim = (
        "The error of a trained relu network on smooth functions falls with the number of its "
        "units like that of the best piecewise linear function, as the power -2."
    )
    source = (
        "de Boor (1973) and Yarotsky (2017) for the rate that is possible; Pascanu, Montufar and "
        "Bengio (2014) for linear regions; that training reaches it is folklore"
    )
    scales = {  # noqa: RUF012  (a constant)
        Scale.QUICK: PiecewiseApproximationOptions(
            seeds=8, units=[2, 4, 8, 16, 32], epochs=100, examples=256
        ),
        Scale.STANDARD: PiecewiseApproximationOptions(
            seeds=20, units=[2, 4, 8, 16, 32, 64, 128], epochs=300, examples=512
        ),
        Scale.FULL: PiecewiseApproximationOptions(
            seeds=50, units=[2, 4, 8, 16, 32, 64, 128, 256, 512], epochs=2000, examples=4096
        ),
    }

    def plan(self, options: PiecewiseApproximationOptions) -> Sweeps:
        axes = {_UNITS: [[n] for n in options.units]}
        return {
            target: sweep(_base(target, options), axes, seeds=options.seeds)
            for target in (*_SMOOTH, _CONTROL)
        }

    def conclude(
        self, options: PiecewiseApproximationOptions, evidence: Evidence, notebook: Notebook
    ) -> None:
        for target, called in _SMOOTH.items():
            runs = evidence.runs(target)
            notebook.claim(
                f"On the {called} the error falls with the number of units.",
                _slope(options, runs, _error),
                quantity="slope of log10(error) over log10(units)",
                below=0.0,
            )
            notebook.claim(
                f"On the {called} it falls like the best piecewise linear function's.",
                _slope(options, runs, _error),
                quantity="slope of log10(error) over log10(units)",
                above=_RATE - _MARGIN,
                below=_RATE + _MARGIN,
            )
            notebook.claim(
                f"On the {called} the trained function has as many linear regions as units allow, "
                "up to a factor.",
                _slope(options, runs, "linear_regions"),
                quantity="slope of log10(linear regions) over log10(units)",
                above=1 - _MARGIN / 2,
                below=1 + _MARGIN / 2,
                decisive=False,
            )
        self._show(options, evidence, notebook)
        notebook.remark(
            "Two smooth targets of one variable, one optimizer and one length of training: what is "
            "found is how training does, not what the network could represent."
        )

    @staticmethod
    def _show(
        options: PiecewiseApproximationOptions, evidence: Evidence, notebook: Notebook
    ) -> None:
        names = (*_SMOOTH, _CONTROL)
        cells = {name: _by_units(options, evidence.runs(name)) for name in names}
        errors = {
            name: [notebook.estimate(runs.sample(_error), Kind.GEOMETRIC_MEAN) for runs in of]
            for name, of in cells.items()
        }
        regions = {
            name: [notebook.estimate(runs.sample("linear_regions")) for runs in of]
            for name, of in cells.items()
        }
        notebook.table(
            "Error and linear regions by units",
            ["units", *(f"{name}: {what}" for name in names for what in ("error", "regions"))],
            [
                [str(n), *(column[i] for name in names for column in (errors[name], regions[name]))]
                for i, n in enumerate(options.units)
            ],
            note="Root mean square over the validation part, geometric mean of the seeds. n units "
            "allow n + 1 regions.",
        )
        for title, label, curves in (
            ("Error by units", "root mean square error", errors),
            ("Linear regions by units", "linear regions", regions),
        ):
            notebook.figure(
                title,
                FigureAxis(label="units", scale="log"),
                FigureAxis(label=label, scale="log"),
                {name: zip(options.units, row, strict=True) for name, row in curves.items()},
            )


def _base(target: str, options: PiecewiseApproximationOptions) -> JsonObject:
    return {
        "dataset": {
            "name": target,
            "size": options.examples,
            "noise": 0.0,
            "validation_fraction": 0.25,
            "scaling": "none",
        },
        # Units that bend all over the interval: with biases of 0 all would bend at 0.
        "network": {"init": {"name": "torch_default"}},
        "activation": {"name": "relu"},
        "loss": {"name": "mse"},
        "optimizer": {"name": "adam", "learning_rate": 0.01, "schedule": {"name": "cosine"}},
        "epochs": options.epochs,
        "batch_size": 32,
        "precision": "float64",
        "probes": {"unit_activity": False, "linear_regions": True},
    }


def _by_units(options: PiecewiseApproximationOptions, runs: Runs) -> list[Runs]:
    return [runs.where({_UNITS: [n]}) for n in options.units]


def _error(run: Run) -> float | None:
    loss = run.last("validation_loss")
    return None if loss is None or loss < 0 else math.sqrt(loss)


def _slope(options: PiecewiseApproximationOptions, runs: Runs, measure: Measure) -> Sample:
    values = [one.sample(measure).map(math.log10) for one in _by_units(options, runs)]
    return across(values, partial(slope, [math.log10(n) for n in options.units]))


TEMPLATE = PiecewiseApproximation()
