"""Is it the exact zeros that make rectifiers generalise?"""

from typing import Annotated

from pydantic import Field

from service.domain.base import JsonObject
from service.domain.findings import Estimate
from service.domain.study import Scale
from service.studies.evidence import Evidence, Run, Runs
from service.studies.notebook import Notebook
from service.studies.sample import across
from service.studies.statistics import slope
from service.studies.template import Options, Sweeps, Template, sweep

_DENSE: dict[str, JsonObject] = {
    "leaky_relu": {"name": "leaky_relu"},
    # Xu et al.'s "very leaky" one, with a slope of 1 / 5.5.
    "very_leaky_relu": {"name": "leaky_relu", "negative_slope": 0.18181818181818182},
    "prelu": {"name": "prelu"},
    "rrelu": {"name": "rrelu"},
    "gelu": {"name": "gelu"},
}
"""What has no exact zeros, but for the few that gelu rounds to 0 far below 0 (0.2% in float32)."""

_MATTERS = 0.005
"""Half a point of accuracy: a smaller advantage is not what anybody means by the key to it."""


class SparsityOptions(Options):
    hidden: Annotated[
        list[Annotated[int, Field(ge=1, le=4096)]],
        Field(min_length=1, description="Units of each hidden layer."),
    ]
    epochs: Annotated[int, Field(ge=1, le=1000, description="Epochs of every training.")]
    biases: Annotated[
        list[float],
        Field(min_length=2, description="Initial biases, which make relu more or less sparse."),
    ]


class Sparsity(Template[SparsityOptions]):
    """Of trained networks that differ in the activation alone: the share of hidden activations
    that are exactly 0 (`sparsity`), and the gap, which is training accuracy minus validation
    accuracy after the last epoch. Half of the data are for validation. Statistic: per seed, the
    gap with relu minus the gap with an activation that has no exact zeros. The belief holds where
    relu's gap is smaller by more than half a point with every one of them. Beside it: the same
    difference in validation accuracy; and, among relu networks whose initial bias makes them more
    or less sparse, the slope of the gap over the sparsity, per seed by least squares."""

    number = 8
    name = "sparsity"
    claim = "Exact zeros are the key to how well rectifiers generalise."
    source = (
        "The belief: Glorot, Bordes and Bengio (2011). Against it: Xu, Wang, Chen and Li (2015), "
        "who found that leaky rectifiers, which have no zeros, generalise better"
    )
    scales = {  # noqa: RUF012  (a constant)
        Scale.QUICK: SparsityOptions(seeds=8, hidden=[64, 64], epochs=15, biases=[-0.5, 0.0, 0.5]),
        Scale.STANDARD: SparsityOptions(
            seeds=40, hidden=[128, 128], epochs=30, biases=[-0.5, -0.25, 0.0, 0.25, 0.5]
        ),
        Scale.FULL: SparsityOptions(
            seeds=100, hidden=[256, 256], epochs=60, biases=[-0.5, -0.25, 0.0, 0.25, 0.5]
        ),
    }

    def plan(self, options: SparsityOptions) -> Sweeps:
        activations = {"relu": {"name": "relu"}, **_DENSE}
        sweeps = {
            name: sweep(self._base(options, activation), {}, seeds=options.seeds)
            for name, activation in activations.items()
        }
        sweeps["biases"] = sweep(
            self._base(options, {"name": "relu"}),
            {"network.init.bias": options.biases},
            seeds=options.seeds,
        )
        return sweeps

    @staticmethod
    def _base(options: SparsityOptions, activation: JsonObject) -> JsonObject:
        return {
            "dataset": {"name": "digits", "validation_fraction": 0.5},
            "network": {"kind": "mlp", "hidden": options.hidden},
            "activation": activation,
            "loss": {"name": "cross_entropy"},
            "optimizer": {"name": "sgd", "learning_rate": 0.1},
            "epochs": options.epochs,
            "probes": {"unit_activity": False},
        }

    def conclude(self, options: SparsityOptions, evidence: Evidence, notebook: Notebook) -> None:
        relu = evidence.runs("relu")
        for name in _DENSE:
            dense = evidence.runs(name)
            notebook.claim(
                f"With relu the gap is smaller than with {name} by more than half a point.",
                relu.sample(gap) - dense.sample(gap),
                quantity=f"gap with relu minus gap with {name}",
                below=-_MATTERS,
            )
            notebook.claim(
                f"With relu the validation accuracy is higher than with {name}.",
                relu.sample("validation_metric") - dense.sample("validation_metric"),
                quantity=f"validation accuracy with relu minus that with {name}",
                above=0.0,
                decisive=False,
            )
        self._tell_premise(evidence, notebook)
        self._tell_biases(options, evidence, notebook)

    @staticmethod
    def _tell_premise(evidence: Evidence, notebook: Notebook) -> None:
        notebook.claim(
            "With relu a third of all activations or more is exactly 0.",
            evidence.runs("relu").sample("sparsity"),
            quantity="share of exact zeros with relu",
            above=1 / 3,
            decisive=False,
        )
        names = ["relu", *_DENSE]
        notebook.table(
            "Exact zeros and generalisation",
            ["activation", "exact zeros", "training accuracy", "validation accuracy", "gap"],
            [[name, *_row(evidence.runs(name), notebook)] for name in names],
        )
        notebook.remark(
            "Small fully connected networks on the 1,797 handwritten digits, half of them for "
            "validation: nothing is said about convolutional networks, about larger data, or about "
            "sparsity that a penalty enforces."
        )

    @staticmethod
    def _tell_biases(options: SparsityOptions, evidence: Evidence, notebook: Notebook) -> None:
        by_bias = [evidence.runs("biases").where({"network.init.bias": b}) for b in options.biases]
        zeros = [runs.sample("sparsity") for runs in by_bias]
        gaps = [runs.sample(gap) for runs in by_bias]
        count = len(by_bias)
        notebook.claim(
            "Among relu networks, those with more exact zeros have the smaller gap: by more than "
            "half a point for each tenth of the activations.",
            across([*zeros, *gaps], lambda values: _slope(values[:count], values[count:])),
            quantity="slope of the gap over the share of exact zeros",
            below=-10 * _MATTERS,
            decisive=False,
        )
        notebook.table(
            "relu, made more or less sparse by its initial bias",
            ["bias", "exact zeros", "training accuracy", "validation accuracy", "gap"],
            [
                [f"{bias:g}", *_row(runs, notebook)]
                for bias, runs in zip(options.biases, by_bias, strict=True)
            ],
        )


def gap(run: Run) -> float | None:
    """Training minus validation accuracy."""
    training, validation = run.last("train_metric"), run.last("validation_metric")
    return None if training is None or validation is None else training - validation


def _slope(zeros: list[float], gaps: list[float]) -> float:
    # Without any difference in sparsity there is no slope: NaN excludes the seed.
    return slope(zeros, gaps) if max(zeros) > min(zeros) else float("nan")


def _row(runs: Runs, notebook: Notebook) -> list[str | Estimate]:
    columns = ("sparsity", "train_metric", "validation_metric")
    return [*(notebook.estimate(runs.sample(name)) for name in columns),
            notebook.estimate(runs.sample(gap))]  # fmt: skip


TEMPLATE = Sparsity()
