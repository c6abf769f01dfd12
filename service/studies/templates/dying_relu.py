"""Do large rates kill rectifiers, and are the dead gone for good?"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Annotated

from pydantic import Field

from service.domain.base import JsonObject
from service.domain.findings import Estimate, FigureAxis, Kind
from service.domain.lifecycle import irreversible_fraction, lifecycle
from service.domain.study import Scale
from service.domain.sweep import SweepSpec
from service.studies.evidence import Evidence, Run, Runs
from service.studies.notebook import Notebook
from service.studies.sample import Sample, across
from service.studies.template import Options, Sweeps, Template, sweep

_FOLKLORE = 0.40
"""Dead share that the notes to Stanford's CS231n name for a rate that is too high."""
_FEW = 0.01
_RATE = "optimizer.learning_rate"

_REVIVAL: dict[str, tuple[str, int, float, float, list[int]]] = {
    "strict": ("first layer, plain SGD", 0, 10.0, 0.0, [64]),
    "momentum": ("first layer, momentum 0.9", 0, 3.0, 0.9, [64]),
    "deeper": ("second layer, plain SGD", 1, 1.0, 0.0, [64, 64]),
}
"""By sweep: what it shows, the layer that is looked at, rate, momentum, hidden layers."""


class DyingReluOptions(Options):
    rates: Annotated[
        list[Annotated[float, Field(gt=0, le=1000)]],
        Field(min_length=3, description="Of Adam, from small to large."),
    ]
    bisections: Annotated[
        int, Field(ge=0, le=20, description="Rates tried between the two that enclose 40%.")
    ]
    hidden: Annotated[
        list[Annotated[int, Field(ge=1, le=4096)]],
        Field(min_length=1, description="Units of each hidden layer."),
    ]
    epochs: Annotated[int, Field(ge=1, le=1000, description="Epochs of every training.")]


class DyingRelu(Template[DyingReluOptions]):
    """Died: the share of hidden units dead at the end minus the share that was dead at
    initialisation. Networks are trained on digits with Adam at several rates; then the two
    neighbouring rates between which the mean over the seeds reaches 40% are bisected on the
    logarithmic scale. Statistic: per seed, the rate at which its share first reaches 40%, by
    interpolation over the logarithm of all rates that were tried, and the accuracy at the tried
    rate nearest to that. A training that diverges has killed what it had: it counts as wholly dead
    and as a guess.

    Of units dead at some epoch before the last, the irreversible share is still dead at the end;
    revivals are counted from each unit's history. Full-batch training on fixed data (two_moons)
    shows the strict case (first hidden layer, plain SGD: a dead unit has gradient 0 for every
    example, so nothing moves it), and the two in which it need not hold: momentum goes on moving a
    dead unit, and a layer above others has inputs that move."""

    number = 4
    name = "dying-relu"
    claim = (
        "A learning rate that is too high kills up to 40% of the rectifiers for good; smaller "
        "rates prevent it."
    )
    source = (
        "Notes to Stanford's course CS231n ('as much as 40% of your network can be dead', without "
        "a set-up); Lu, Shin, Su and Karniadakis (2019)"
    )
    scales = {  # noqa: RUF012  (a constant)
        Scale.QUICK: DyingReluOptions(
            seeds=8, rates=[0.001, 0.01, 0.03, 0.1, 0.3], bisections=3, hidden=[64, 64], epochs=8
        ),
        Scale.STANDARD: DyingReluOptions(
            seeds=20,
            rates=[0.001, 0.003, 0.01, 0.03, 0.1, 0.3],
            bisections=5,
            hidden=[128, 128],
            epochs=15,
        ),
        Scale.FULL: DyingReluOptions(
            seeds=50,
            rates=[0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3],
            bisections=7,
            hidden=[256, 256],
            epochs=30,
        ),
    }

    def plan(self, options: DyingReluOptions) -> Sweeps:
        sweeps = {
            "rates": _at_rates(options, sorted(options.rates)),
            # One update over all data: what is dead after epoch 1 died in the first step.
            "first-update": sweep(
                _digits(options)
                | {"batch_size": 4096, "optimizer": {"name": "adam", "learning_rate": 0.1}},
                {},
                seeds=options.seeds,
            ),
        }
        for name, (_, _, rate, momentum, hidden) in _REVIVAL.items():
            sweeps[name] = sweep(_moons(rate, momentum, hidden), {}, seeds=options.seeds)
        return sweeps

    def follow_up(self, options: DyingReluOptions, evidence: Evidence) -> Sweeps:
        done = sum(name.startswith("bisection-") for name in evidence.sweeps)
        ends = _enclosing(_by_rate(evidence))
        if done >= options.bisections or ends is None:
            return {}
        middle = float(f"{math.sqrt(ends[0] * ends[1]):.6g}")
        if middle in ends:
            return {}
        return {f"bisection-{done + 1}": _at_rates(options, [middle])}

    def conclude(self, options: DyingReluOptions, evidence: Evidence, notebook: Notebook) -> None:
        by_rate = _by_rate(evidence)
        smallest, largest = by_rate[min(by_rate)], by_rate[max(by_rate)]
        notebook.claim(
            "The largest rate kills more than a tenth of the units.",
            largest.sample(died, diverged=1.0) - smallest.sample(died, diverged=1.0),
            quantity="units that died at the largest rate minus those at the smallest",
            above=0.1,
        )
        notebook.claim(
            "The smallest rate kills less than one unit in a hundred.",
            smallest.sample(died, diverged=1.0),
            quantity="units that died at the smallest rate",
            below=_FEW,
        )
        self._tell_revivals(evidence, notebook)
        self._tell_forty(by_rate, notebook)
        _tell_first_update(evidence.runs("first-update"), notebook)
        notebook.remark(
            "The folklore's 40% names no network, data or rate. Here it is two small layers, "
            "digits and Adam; that such a rate exists here says nothing about where it lies "
            "elsewhere."
        )

    @staticmethod
    def _tell_revivals(evidence: Evidence, notebook: Notebook) -> None:
        rows: list[list[str | Estimate]] = []
        for name, (told, layer, *_) in _REVIVAL.items():
            runs = evidence.runs(name)
            kept = runs.sample(partial(irreversible, layer))
            is_strict = name == "strict"
            notebook.claim(
                f"Of the units that died ({told}), more than 99% stay dead."
                if is_strict
                else f"Some of the units that died ({told}) come back.",
                kept,
                quantity=f"irreversible share ({told})",
                above=0.99 if is_strict else None,
                below=None if is_strict else 1.0,
                decisive=is_strict,
            )
            revived = runs.sample(partial(revivals, layer))
            rows.append([told, notebook.estimate(kept), notebook.total(revived)])
        notebook.table("Is death final?", ["case", "irreversible share", "revivals"], rows)

    @staticmethod
    def _tell_forty(by_rate: dict[float, Runs], notebook: Notebook) -> None:
        rates = sorted(by_rate)
        shares = {rate: by_rate[rate].sample(died, diverged=1.0) for rate in rates}
        accuracies = {
            rate: by_rate[rate].sample("validation_metric", diverged=0.1) for rate in rates
        }
        at_forty = across([shares[rate] for rate in rates], lambda v: _rate_of(rates, v))
        dead = {rate: notebook.estimate(shares[rate]) for rate in rates}
        accurate = {rate: notebook.estimate(accuracies[rate]) for rate in rates}
        notebook.figure(
            "Units that died, and the accuracy that is left",
            FigureAxis(label="learning rate of Adam", scale="log"),
            FigureAxis(label="share"),
            {"died": list(dead.items()), "validation accuracy": list(accurate.items())},
        )
        notebook.table(
            "By rate",
            ["rate", "died", "validation accuracy"],
            [[f"{rate:.4g}", dead[rate], accurate[rate]] for rate in rates],
        )
        nearest = _nearest(rates, shares)
        best = max(rates, key=lambda rate: accurate[rate].value or 0.0)
        notebook.table(
            "Where 40% of the units die",
            ["rate", f"died at {nearest:.4g}", "accuracy left there", f"accuracy at {best:.4g}"],
            [
                [
                    notebook.estimate(at_forty, Kind.GEOMETRIC_MEAN),
                    dead[nearest],
                    accurate[nearest],
                    accurate[best],
                ]
            ],
            note="The rate is a geometric mean over the seeds that reach 40% at a rate that was "
            "tried. Accuracies are at the tried rate whose mean share is nearest to 40%, and at "
            "the best one.",
        )
        notebook.claim(
            "Where 40% of the units are dead, accuracy is lower by more than a point than at the "
            "best rate.",
            accuracies[nearest] - accuracies[best],
            quantity="validation accuracy where 40% died minus that at the best rate",
            below=-0.01,
            decisive=False,
        )


def died(run: Run) -> float | None:
    """Share of hidden units dead at the end, those born dead subtracted."""
    series = run.epochs("dead_fraction")
    if not series or series[0] is None or series[-1] is None:
        return None
    return series[-1] - series[0]


def irreversible(layer: int, run: Run) -> float | None:
    """Of the layer's units that were dead before the last epoch, the share dead at the end."""
    return irreversible_fraction(run.units(layer).dead)


def revivals(layer: int, run: Run) -> float:
    """How often a unit of the layer came back."""
    history = run.units(layer)
    units = range(len(history.dead[0]) if history.dead else 0)
    lives = [lifecycle(history.epochs, [row[unit] for row in history.dead]) for unit in units]
    return float(sum(len(life.revived) for life in lives))


def _digits(options: DyingReluOptions) -> JsonObject:
    return {
        "dataset": {"name": "digits"},
        "network": {"kind": "mlp", "hidden": options.hidden},
        "activation": {"name": "relu"},
        "loss": {"name": "cross_entropy"},
        "epochs": options.epochs,
        "batch_size": 64,
        "probes": {"unit_activity": False},
    }


def _at_rates(options: DyingReluOptions, rates: Sequence[float]) -> SweepSpec:
    base = _digits(options) | {"optimizer": {"name": "adam"}}
    return sweep(base, {_RATE: list(rates)}, seeds=options.seeds)


def _moons(rate: float, momentum: float, hidden: list[int]) -> JsonObject:
    return {
        "dataset": {"name": "two_moons", "size": 512, "noise": 0.2},
        "network": {"kind": "mlp", "hidden": hidden},
        "activation": {"name": "relu"},
        "loss": {"name": "cross_entropy"},
        "optimizer": {"name": "sgd", "learning_rate": rate, "momentum": momentum},
        "epochs": 100,
        "batch_size": 512,
    }


def _by_rate(evidence: Evidence) -> dict[float, Runs]:
    """All runs of the grid and the bisections."""
    found: dict[float, Runs] = {}
    for name in evidence.sweeps:
        if name == "rates" or name.startswith("bisection-"):
            found |= evidence.runs(name).by(_RATE)
    return found


def _mean(sample: Sample) -> float:
    return sum(sample.values.values()) / sample.n if sample.n else 0.0


def _enclosing(by_rate: dict[float, Runs]) -> tuple[float, float] | None:
    """The first two neighbouring rates between which the mean share reaches 40%."""
    rates = sorted(by_rate)
    means = [_mean(by_rate[rate].sample(died, diverged=1.0)) for rate in rates]
    for at in range(1, len(rates)):
        if means[at - 1] < _FOLKLORE <= means[at]:
            return rates[at - 1], rates[at]
    return None


def _rate_of(rates: Sequence[float], shares: Sequence[float]) -> float:
    """Where the share first reaches 40%, by interpolation over log rate; NaN where it never does,
    or does at the smallest rate already."""
    for at in range(1, len(rates)):
        below, above = shares[at - 1], shares[at]
        if below < _FOLKLORE <= above:
            part = (_FOLKLORE - below) / (above - below)
            low, high = math.log(rates[at - 1]), math.log(rates[at])
            return math.exp(low + part * (high - low))
    return math.nan


def _nearest(rates: Sequence[float], shares: dict[float, Sample]) -> float:
    return min(rates, key=lambda rate: abs(_mean(shares[rate]) - _FOLKLORE))


def _died_by(epoch: int, run: Run) -> float | None:
    series = run.epochs("dead_fraction")
    born, then = (series[0], series[epoch]) if len(series) > 1 else (None, None)
    return None if born is None or then is None else max(0.0, then - born)


def _tell_first_update(runs: Runs, notebook: Notebook) -> None:
    first, end = (runs.sample(partial(_died_by, epoch)) for epoch in (1, -1))
    notebook.claim(
        "Most units that die do so at the very first update.",
        first / end,
        quantity="died in the first update, over those that died by the end",
        above=0.5,
        decisive=False,
    )
    notebook.table(
        "The first update (Adam 0.1, one step over all data an epoch)",
        ["died in the first update", "died by the end"],
        [[notebook.estimate(first), notebook.estimate(end)]],
    )


TEMPLATE = DyingRelu()
