"""Do gradients vanish on their way to the first layer, and with which activations?"""

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

# Each with the initialisation that its inventors, or Glorot and Bengio, give it.
_INITS = {"sigmoid": "xavier_normal", "tanh": "xavier_normal", "relu": "kaiming_normal"}

_VANISHES = -0.05
"""Decades per layer: from here on 20 layers cost more than a factor of 10."""


_SLOPE = "slope of log10(first / last layer's gradient norm) over depth, per layer"


class VanishingGradientOptions(Options):
    depths: Annotated[
        list[Annotated[int, Field(ge=2, le=1000)]],
        Field(min_length=2, description="Numbers of hidden layers."),
    ]
    width: Annotated[int, Field(ge=2, le=4096, description="Units of each hidden layer.")]
    trained_depths: Annotated[
        list[Annotated[int, Field(ge=2, le=1000)]],
        Field(min_length=1, description="Numbers of hidden layers of the networks to train."),
    ]
    epochs: Annotated[int, Field(ge=1, le=1000, description="Epochs of their training.")]


class VanishingGradient(Template[VanishingGradientOptions]):
    """Of networks that have not been trained yet, the L2 norm g of the gradient over the whole
    training part, by hidden layer. Statistic: r = log10(g(first) / g(last hidden layer)), and per
    seed the slope of r over depth by least squares, in decades per layer. A gradient *vanishes*
    where the slope lies below -0.05: twenty layers then cost more than a factor of ten. It is
    *kept* where the slope lies between -0.05 and 0.05. Networks are float64, so that nothing is
    lost to underflow; a network that passes no gradient at all has no ratio and is excluded and
    counted. Each activation starts from the initialisation made for it (xavier_normal for sigmoid
    and tanh, kaiming_normal for relu); beside it stands PyTorch's default for linear layers, which
    is narrower, and training tells what depth costs in accuracy."""

    number = 7
    name = "vanishing-gradient"
    claim = (
        "With sigmoid and tanh the gradient vanishes on its way to the first layer of a deep "
        "network; with relu it does not."
    )
    source = (
        "Hochreiter (1991); Bengio, Simard and Frasconi (1994); for relu: Glorot, Bordes and "
        "Bengio (2011), He et al. (2015)"
    )
    scales = {  # noqa: RUF012  (a constant)
        Scale.QUICK: VanishingGradientOptions(
            seeds=5, depths=[2, 5, 10, 20, 50], width=32, trained_depths=[2, 10], epochs=5
        ),
        Scale.STANDARD: VanishingGradientOptions(
            seeds=20,
            depths=[2, 3, 5, 8, 12, 20, 30, 50],
            width=64,
            trained_depths=[2, 5, 10, 20],
            epochs=20,
        ),
        Scale.FULL: VanishingGradientOptions(
            seeds=50,
            depths=[2, 3, 5, 8, 12, 16, 20, 25, 30, 40, 50],
            width=128,
            trained_depths=[2, 5, 10, 20, 50],
            epochs=50,
        ),
    }

    def plan(self, options: VanishingGradientOptions) -> Sweeps:
        sweeps: Sweeps = {}
        for activation, init in _INITS.items():
            for name, start in {
                activation: {"name": init},
                # torch.nn.Linear: uniform within 1 / sqrt(fan in).
                f"{activation}-default": {"name": "uniform", "scale": options.width**-0.5},
            }.items():
                sweeps[name] = sweep(
                    self._untrained(activation, start),
                    {"network.hidden": [[options.width] * depth for depth in options.depths]},
                    seeds=options.seeds,
                )
            sweeps[f"{activation}-trained"] = sweep(
                self._untrained(activation, {"name": init})
                | {"epochs": options.epochs, "batch_size": 64, "precision": "float32"},
                {"network.hidden": [[options.width] * d for d in options.trained_depths]},
                seeds=options.seeds,
            )
        return sweeps

    @staticmethod
    def _untrained(activation: str, init: JsonObject) -> JsonObject:
        """One step over the whole training part: its gradient is the one at initialisation."""
        return {
            "dataset": {"name": "digits"},
            "network": {"kind": "mlp", "init": init},
            "activation": {"name": activation},
            "loss": {"name": "cross_entropy"},
            "optimizer": {"name": "sgd", "learning_rate": 0.05},
            "epochs": 1,
            "batch_size": 4096,
            "precision": "float64",
            "probes": {"unit_activity": False},
        }

    def conclude(
        self, options: VanishingGradientOptions, evidence: Evidence, notebook: Notebook
    ) -> None:
        for activation, init in _INITS.items():
            is_kept = activation == "relu"
            does = "is kept" if is_kept else "vanishes"
            notebook.claim(
                f"With {activation} the gradient {does} from layer to layer ({init}).",
                _slope(options, evidence.runs(activation)),
                quantity=_SLOPE,
                above=_VANISHES if is_kept else None,
                below=-_VANISHES if is_kept else _VANISHES,
            )
        notebook.claim(
            "With PyTorch's default initialisation the gradient vanishes with relu, too.",
            _slope(options, evidence.runs("relu-default")),
            quantity=_SLOPE,
            below=_VANISHES,
            decisive=False,
        )
        self._show_ratios(options, evidence, notebook)
        self._show_training(options, evidence, notebook)

    def _show_ratios(
        self, options: VanishingGradientOptions, evidence: Evidence, notebook: Notebook
    ) -> None:
        names = [name for start in _INITS for name in (start, f"{start}-default")]
        ratios = {
            name: [
                notebook.estimate(one.sample(_ratio), Kind.GEOMETRIC_MEAN)
                for one in _by_depth(options.depths, evidence.runs(name))
            ]
            for name in names
        }
        notebook.table(
            "First over last hidden layer's gradient norm, before training",
            ["initialisation", *(f"depth {depth}" for depth in options.depths)],
            [[name, *row] for name, row in ratios.items()],
            note="Geometric mean over the seeds.",
        )
        notebook.figure(
            "What reaches the first layer",
            FigureAxis(label="hidden layers"),
            FigureAxis(label="first / last layer's gradient norm", scale="log"),
            {name: zip(options.depths, row, strict=True) for name, row in ratios.items()},
        )
        deepest = max(options.depths)
        profiles = {name: _by_depth([deepest], evidence.runs(name))[0] for name in _INITS}
        notebook.figure(
            f"Gradient norm by layer at depth {deepest}",
            FigureAxis(label="hidden layer, from 0"),
            FigureAxis(label="gradient norm", scale="log"),
            {name: _profile(runs, deepest, notebook) for name, runs in profiles.items()},
        )

    def _show_training(
        self, options: VanishingGradientOptions, evidence: Evidence, notebook: Notebook
    ) -> None:
        rows: list[list[str | Estimate]] = [
            [
                activation,
                *(
                    notebook.estimate(one.sample("validation_metric"))
                    for one in _by_depth(
                        options.trained_depths, evidence.runs(f"{activation}-trained")
                    )
                ),
            ]
            for activation in _INITS
        ]
        notebook.table(
            f"Validation accuracy after {options.epochs} epochs of SGD",
            ["activation", *(f"depth {depth}" for depth in options.trained_depths)],
            rows,
        )


def _by_depth(depths: list[int], runs: Runs) -> list[Runs]:
    return [
        Runs([run for run in runs if len(run.point["network.hidden"]) == depth]) for depth in depths
    ]


def _norm(layer: int, run: Run) -> float | None:
    norms = run.layers("grad_norm_last", epoch=1)
    return norms[layer] if norms else None


def _ratio(run: Run) -> float | None:
    """First over last layer; None where there is no gradient to compare."""
    first, last = _norm(0, run), _norm(-1, run)
    return first / last if first and last else None


def _slope(options: VanishingGradientOptions, runs: Runs) -> Sample:
    ratios = [one.sample(_ratio).map(math.log10) for one in _by_depth(options.depths, runs)]
    return across(ratios, partial(slope, options.depths))


def _profile(runs: Runs, depth: int, notebook: Notebook) -> list[tuple[float, Estimate]]:
    return [
        (layer, notebook.estimate(runs.sample(partial(_norm, layer)), Kind.GEOMETRIC_MEAN))
        for layer in range(depth)
    ]


TEMPLATE = VanishingGradient()
