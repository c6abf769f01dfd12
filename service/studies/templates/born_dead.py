"""Are deep narrow relu networks born dead, and what do they learn then?"""

from collections.abc import Callable
from typing import Annotated

from pydantic import Field

from service.domain.base import JsonObject
from service.domain.findings import Estimate, FigureAxis, Kind
from service.domain.study import Scale
from service.studies.evidence import Evidence, Run, Runs
from service.studies.notebook import Notebook
from service.studies.sample import Sample, across
from service.studies.template import Options, Sweeps, Template, sweep

_MARGIN = 0.1
"""A share that is off by less than a tenth is as predicted."""
_COLLAPSED = 0.01
"""A loss within a hundredth of the best constant's is a constant's."""


class BornDeadOptions(Options):
    depths: Annotated[
        list[Annotated[int, Field(ge=1, le=32)]],
        Field(min_length=1, description="Numbers of hidden layers."),
    ]
    widths: Annotated[
        list[Annotated[int, Field(ge=1, le=64)]],
        Field(min_length=1, description="Units of each hidden layer."),
    ]
    deepest: Annotated[
        int, Field(ge=2, le=32, description="Hidden layers of 2 units of the networks to train.")
    ]
    epochs: Annotated[int, Field(ge=1, le=1000, description="Epochs of their training.")]


class BornDead(Template[BornDeadOptions]):
    """A network is *born dead* if, before training, no unit of its last hidden layer passes a
    gradient for any example of the training part (a dead layer kills all above it: without biases
    they put out 0). Statistic: the share of seeds born dead, by depth H and width n, less what
    theory says, averaged over depths and widths. Theory, for Gaussian weights and no biases, with
    a = 1 - 2^-n: for a single input exactly 1 - a^H; for inputs of one dimension and both signs
    between 1 - 2 a^H + (2a - 1) a^(2H - 2) and 1 - a^(H - 1). The asymmetric initialisation draws
    the same networks anew, seed by seed. Networks of 2 units are then trained; one has *collapsed*
    if its loss is within a hundredth of the best constant's, which a network of zeros finds in the
    same training, since only its last bias can move."""

    number = 5
    name = "born-dead"
    claim = (
        "A deep narrow relu network is born dead as often as theory says, the asymmetric "
        "initialisation makes it rarer, and a deep narrow network ends as a constant: the mean of "
        "the target under squared error, its median under absolute error."
    )
    source = "Lu, Shin, Su and Karniadakis (2019), Dying ReLU and Initialization"
    scales = {  # noqa: RUF012  (a constant)
        Scale.QUICK: BornDeadOptions(
            seeds=100, depths=[3, 10], widths=[2, 4], deepest=20, epochs=30
        ),
        Scale.STANDARD: BornDeadOptions(
            seeds=200, depths=[2, 5, 10, 20], widths=[2, 3, 5], deepest=20, epochs=50
        ),
        Scale.FULL: BornDeadOptions(
            seeds=90,
            depths=[1, 2, 3, 5, 10, 20, 30],
            widths=[1, 2, 3, 4, 6],
            deepest=20,
            epochs=50,
        ),
    }

    def plan(self, options: BornDeadOptions) -> Sweeps:
        axes = {"network.hidden": [[n] * h for h in options.depths for n in options.widths]}
        # One example is what is left for training; scaled, it would be 0.
        single = {"name": "linear", "size": 2, "validation_fraction": 0.5, "scaling": "none"}
        signs = {"name": "abs", "size": 32, "noise": 0.0, "validation_fraction": 0}
        narrow = _base({"name": "diabetes", "scale_target": True}, {"name": "kaiming_normal"})
        narrow |= {"epochs": options.epochs, "batch_size": 64}
        losses = {"loss.name": ["mse", "mae"]}
        plain, asymmetric = {"name": "kaiming_normal"}, {"name": "randomized_asymmetric"}
        deep = {"hidden": [2] * options.deepest, "init": plain}
        constant = {"hidden": [1], "init": {"name": "zeros"}}
        seeds = options.seeds
        return {
            "one-input": sweep(_base(single, plain), axes, seeds=seeds),
            "both-signs": sweep(_base(signs, plain), axes, seeds=seeds),
            "asymmetric": sweep(_base(signs, asymmetric), axes, seeds=seeds),
            "trained": sweep(narrow | {"network": deep}, losses, seeds=max(2, seeds // 5)),
            "constant": sweep(narrow | {"network": constant}, losses, seeds=max(2, seeds // 5)),
        }

    def conclude(self, options: BornDeadOptions, evidence: Evidence, notebook: Notebook) -> None:
        self._claim_births(evidence, notebook)
        self._claim_collapse(evidence, notebook)
        self._show(options, evidence, notebook)
        notebook.remark(
            "Theory is for networks without biases, which these are; randomized_asymmetric draws "
            "biases, and nothing is predicted for it."
        )

    @staticmethod
    def _claim_births(evidence: Evidence, notebook: Notebook) -> None:
        signs = evidence.runs("both-signs")
        notebook.claim(
            "For a single input the share born dead is 1 - a^H.",
            _excess(evidence.runs("one-input"), single_input),
            quantity="share born dead less theory, mean over depths and widths",
            above=-_MARGIN,
            below=_MARGIN,
        )
        notebook.claim(
            "For inputs of both signs it is not below the lower bound.",
            _excess(signs, lower_bound),
            quantity="share born dead less the lower bound, mean over depths and widths",
            above=-_MARGIN,
        )
        notebook.claim(
            "For inputs of both signs it is not above the upper bound.",
            _excess(signs, upper_bound),
            quantity="share born dead less the upper bound, mean over depths and widths",
            below=_MARGIN,
        )
        plain = _excess(signs, lambda h, n: 0.0)
        notebook.claim(
            "The asymmetric initialisation makes dead births rarer.",
            _excess(evidence.runs("asymmetric"), lambda h, n: 0.0) - plain,
            quantity="share born dead, asymmetric less Gaussian, mean over depths and widths",
            below=0.0,
        )

    @staticmethod
    def _claim_collapse(evidence: Evidence, notebook: Notebook) -> None:
        trained = evidence.runs("trained").by("loss.name")
        constant = evidence.runs("constant").by("loss.name")
        for loss, value in (("mse", "mean"), ("mae", "median")):
            best = constant[loss].sample("train_loss", diverged=None)
            apart = trained[loss].sample("train_loss") / best
            notebook.claim(
                f"Under {loss} more than half of the deep networks of 2 units end as the best "
                f"constant, the {value}.",
                apart.map(lambda ratio: float(abs(ratio - 1) < _COLLAPSED)),
                quantity="share of networks whose loss is the best constant's",
                kind=Kind.SHARE,
                above=0.5,
            )
        notebook.table(
            "What the best constants are",
            ["loss", "R² of the constant", "loss of the constant"],
            [
                [
                    loss,
                    notebook.estimate(runs.sample("train_metric")),
                    notebook.estimate(runs.sample("train_loss")),
                ]
                for loss, runs in constant.items()
            ],
            note="R² is 0 for the mean and below 0 for any other constant, the median among them.",
        )

    @staticmethod
    def _show(options: BornDeadOptions, evidence: Evidence, notebook: Notebook) -> None:
        names = ("one-input", "both-signs", "asymmetric")
        rows: list[list[str | Estimate]] = []
        curves: dict[str, list[tuple[float, Estimate]]] = {}
        cells = {name: _cells(evidence.runs(name)) for name in names}
        for h, n in cells[names[0]]:
            shares = [
                notebook.estimate(cells[name][h, n].share(_is_dead), Kind.SHARE) for name in names
            ]
            theory = [
                notebook.theory(formula(h, n))
                for formula in (single_input, lower_bound, upper_bound)
            ]
            rows.append([f"{h} x {n}", shares[0], theory[0], shares[1], *theory[1:], shares[2]])
            curves.setdefault(f"both signs, width {n}", []).append((h, shares[1]))
            curves.setdefault(f"asymmetric, width {n}", []).append((h, shares[2]))
        notebook.table(
            "Share of networks born dead",
            [
                "depth x width",
                "one input",
                "theory",
                "both signs",
                "lower bound",
                "upper bound",
                "asymmetric",
            ],
            rows,
        )
        notebook.figure(
            "Born dead by depth",
            FigureAxis(label="hidden layers"),
            FigureAxis(label="share born dead"),
            curves,
        )


Formula = Callable[[int, int], float]
"""Of depth and width."""


def single_input(depth: int, width: int) -> float:
    """Every layer has to keep at least one of its units, each of which is alive by a half."""
    return float(1 - (1 - 2.0**-width) ** depth)


def lower_bound(depth: int, width: int) -> float:
    a = 1 - 2.0**-width
    return float(1 - 2 * a**depth + (2 * a - 1) * a ** (2 * depth - 2))


def upper_bound(depth: int, width: int) -> float:
    return float(1 - (1 - 2.0**-width) ** (depth - 1))


def _base(dataset: JsonObject, init: JsonObject) -> JsonObject:
    return {
        "dataset": dataset,
        "network": {"init": init},
        "activation": {"name": "relu"},
        "loss": {"name": "mse"},
        "optimizer": {"name": "sgd", "learning_rate": 0.05},
        "epochs": 0,
        "probes": {"unit_activity": False},
    }


def _is_dead(run: Run) -> bool | None:
    """Whether all units of the last hidden layer were dead before training."""
    dead = run.layers("dead", epoch=0)
    return None if not dead or dead[-1] is None else dead[-1] == run.point["network.hidden"][-1]


def _cells(runs: Runs) -> dict[tuple[int, int], Runs]:
    """By depth and width."""
    found: dict[tuple[int, int], list[Run]] = {}
    for run in runs:
        hidden = run.point["network.hidden"]
        found.setdefault((len(hidden), hidden[0]), []).append(run)
    return {cell: Runs(members) for cell, members in found.items()}


def _excess(runs: Runs, theory: Formula) -> Sample:
    """Per seed: 1 or 0 less theory, the mean over all depths and widths."""
    cells = _cells(runs)
    expected = [theory(*cell) for cell in cells]
    return across(
        [members.share(_is_dead) for members in cells.values()],
        lambda dead: sum(d - e for d, e in zip(dead, expected, strict=True)) / len(dead),
    )


TEMPLATE = BornDead()
