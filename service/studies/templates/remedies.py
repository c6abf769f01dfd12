"""What keeps rectifiers alive at the rate that kills them?"""

from typing import Annotated

from pydantic import Field

from service.domain.base import JsonObject
from service.domain.findings import Estimate, Kind
from service.domain.study import Scale
from service.studies.evidence import Evidence, Runs
from service.studies.notebook import Notebook
from service.studies.sample import Sample
from service.studies.template import Options, Sweeps, Template, sweep
from service.studies.timing import QUANTITY, TIMED, cost_over_relu

_ACTIVATIONS = ("leaky_relu", "prelu", "rrelu", "elu", "gelu", "silu")
REMEDIES = (*_ACTIVATIONS, "batch_normalization", "clipping", "warm_up")

_KILLS = 0.1
"""Share of units that relu must lose for there to be anything to remedy."""


class RemediesOptions(Options):
    learning_rate: Annotated[
        float, Field(gt=0, le=1000, description="Of Adam: a rate that kills relu's units.")
    ]
    hidden: Annotated[
        list[Annotated[int, Field(ge=1, le=4096)]],
        Field(min_length=1, description="Units of each hidden layer."),
    ]
    epochs: Annotated[int, Field(ge=2, le=1000, description="Epochs of every training.")]


class Remedies(Template[RemediesOptions]):
    """At a rate of Adam at which relu loses a large part of its units, the same network with one
    thing changed: another activation (leaky_relu, prelu, rrelu, elu, gelu, silu, each with its
    defaults), batch normalisation, clipping of the gradient's norm to 1, or a warm-up over the
    first tenth of the steps. Statistic: per seed, dead units at the end with the remedy minus
    without it, and the same for the validation accuracy. A remedy keeps units alive where the
    first lies below 0, and pays where the second lies above 0. A training that diverges counts as
    wholly dead and as accurate as a guess: it is of no use. Dormant units stand beside it, and of
    activations the time of forward and backward over relu's, both timed by turns in a job of its
    own on a tensor of the training's size; what the other remedies cost is not measured, since the
    time of an epoch is a cohort's, whose seeds do not repeat it."""

    number = 6
    name = "remedies"
    claim = (
        "At the rate that kills relu, each of the usual remedies leaves fewer dead units and a "
        "more accurate network."
    )
    source = (
        "Maas et al. (2013); He et al. (2015); Xu et al. (2015); Clevert et al. (2016); Hendrycks "
        "and Gimpel (2016); Elfwing et al. (2017); Ioffe and Szegedy (2015); Pascanu et al. "
        "(2013); Goyal et al. (2017)"
    )
    scales = {  # noqa: RUF012  (a constant)
        Scale.QUICK: RemediesOptions(seeds=8, learning_rate=0.06, hidden=[64, 64], epochs=8),
        Scale.STANDARD: RemediesOptions(seeds=30, learning_rate=0.06, hidden=[128, 128], epochs=15),
        Scale.FULL: RemediesOptions(seeds=100, learning_rate=0.06, hidden=[256, 256], epochs=30),
    }

    def plan(self, options: RemediesOptions) -> Sweeps:
        base = _base(options)
        changes: dict[str, JsonObject] = {
            "relu": {},
            **{name: {"activation": {"name": name}} for name in _ACTIVATIONS},
            "batch_normalization": {"network": base["network"] | {"normalization": "batch"}},
            "clipping": {"optimizer": base["optimizer"] | {"clip_grad_norm": 1.0}},
            "warm_up": {
                "optimizer": base["optimizer"]
                | {"schedule": {"name": "warmup", "steps": _warm_up_steps(options)}}
            },
        }
        sweeps = {
            name: sweep(base | change, {}, seeds=options.seeds) for name, change in changes.items()
        }
        names = {"activation.name": ["relu", *_ACTIVATIONS]}
        return sweeps | {"cost": sweep(base | TIMED, names, seeds=options.seeds)}

    def conclude(self, options: RemediesOptions, evidence: Evidence, notebook: Notebook) -> None:
        relu = evidence.runs("relu")
        notebook.claim(
            "At this rate relu loses a tenth of its units or more.",
            dead(relu),
            quantity="dead units with relu",
            above=_KILLS,
        )
        for name in REMEDIES:
            runs = evidence.runs(name)
            notebook.claim(
                f"With {name} fewer units are dead.",
                dead(runs) - dead(relu),
                quantity=f"dead units with {name} minus those with relu",
                below=0.0,
            )
            notebook.claim(
                f"With {name} the network is more accurate.",
                accuracy(runs) - accuracy(relu),
                quantity=f"validation accuracy with {name} minus that with relu",
                above=0.0,
            )
        notebook.table(
            f"At rate {options.learning_rate:g} of Adam",
            ["remedy", "dead", "dormant", "accuracy", "diverged", QUANTITY],
            [self._row(name, evidence, notebook) for name in ("relu", *REMEDIES)],
            note="A training that diverged counts as wholly dead and as a guess. Times are "
            "the activation's alone, of PyTorch's modules by turns: a part of what an epoch takes.",
        )
        notebook.remark(
            "One data set (digits), one optimizer (Adam), one rate: a remedy that does not pay "
            "here may pay elsewhere. Adam divides by the gradient's own size, so clipping changes "
            "it least."
        )

    @staticmethod
    def _row(name: str, evidence: Evidence, notebook: Notebook) -> list[str | Estimate]:
        runs = evidence.runs(name)
        timed = evidence.runs("cost").where({"activation.name": name})
        return [
            name,
            notebook.estimate(dead(runs)),
            notebook.estimate(runs.sample("dormant_fraction", diverged=1.0)),
            notebook.estimate(accuracy(runs)),
            notebook.estimate(runs.share(lambda run: run.diverged, diverged=True), Kind.SHARE),
            notebook.estimate(cost_over_relu(timed), Kind.GEOMETRIC_MEAN) if timed else "not timed",
        ]


def dead(runs: Runs) -> Sample:
    """Dead units of all hidden units at the end; one that diverged is of no use at all."""
    return runs.sample("dead_fraction", diverged=1.0)


def accuracy(runs: Runs) -> Sample:
    """Validation accuracy; one that diverged answers as a guess does."""
    return runs.sample("validation_metric", diverged=_GUESS)


_GUESS = 0.1
"""Accuracy of a guess among ten digits."""


def _base(options: RemediesOptions) -> JsonObject:
    return {
        "dataset": {"name": "digits"},
        "network": {"kind": "mlp", "hidden": options.hidden},
        "activation": {"name": "relu"},
        "loss": {"name": "cross_entropy"},
        "optimizer": {"name": "adam", "learning_rate": options.learning_rate},
        "epochs": options.epochs,
        "batch_size": 64,
        "probes": {"unit_activity": False},
    }


def _warm_up_steps(options: RemediesOptions) -> int:
    """A tenth of all steps: an epoch of digits has 23 mini-batches of 64."""
    return max(1, 23 * options.epochs // 10)


TEMPLATE = Remedies()
