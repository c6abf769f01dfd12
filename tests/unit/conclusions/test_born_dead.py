"""born-dead on births drawn with known probabilities."""

import math

import numpy as np
import pytest

from service.domain.findings import Verdict
from service.studies.templates.born_dead import lower_bound, single_input, upper_bound
from tests.studies.synthetic import Job, Measured, Measuring, conclude, statement


def births(*, too_many: float = 0.0, asymmetric: float = 0.5, collapses: float = 0.95) -> Measuring:
    """Dead as often as theory says, or so much more often; with the asymmetric initialisation
    this share of it."""

    def measure(job: Job) -> Measured:
        if job.sweep == "constant":
            return Measured(epochs={"train_loss": 1.0, "train_metric": 0.0})
        if job.sweep == "trained":
            loss = 1.001 if job.random.random() < collapses else 0.5
            return Measured(epochs={"train_loss": loss, "train_metric": 0.0})
        hidden = job.point["network.hidden"]
        cell = len(hidden), hidden[0]
        within = (lower_bound(*cell) + upper_bound(*cell)) / 2
        chance = {
            "one-input": single_input(*cell) + too_many,
            "both-signs": within,
            "asymmetric": within * asymmetric,
        }[job.sweep]
        dead = hidden[-1] if job.random.random() < chance else 0
        return Measured(layers={"dead": [[0] * (len(hidden) - 1) + [dead]]})

    return measure


def test_the_formulas_are_those_of_counting() -> None:
    """One layer: a single input kills all n units by 2^-n; of both signs none is ever dead. Two
    layers of one unit: half of the first units see the positive inputs, and so on."""
    assert single_input(1, 3) == pytest.approx(1 / 8)
    assert lower_bound(1, 3) == upper_bound(1, 3) == pytest.approx(0)
    assert single_input(2, 1) == pytest.approx(3 / 4)
    assert upper_bound(2, 1) == pytest.approx(1 / 2)


def alive(depth: int, width: int, draws: int) -> float:
    """Share of Gaussian networks without biases that some input of a positive and a negative one
    passes through, by trying."""
    random = np.random.default_rng(depth * 100 + width)
    # Of the weights of the first layer only the signs matter to which units see which input.
    first = random.standard_normal((draws, 1, width))
    outputs = np.maximum(np.concatenate([first, -first], axis=1), 0)
    for _ in range(depth - 1):
        weights = random.standard_normal((draws, width, width))
        outputs = np.maximum(outputs @ weights, 0)
    return float((outputs.max(axis=(1, 2)) > 0).mean())


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_the_lower_bound_is_exact_for_two_layers(width: int) -> None:
    """By counting: where k units see the positive input and n - k the negative one, every unit of
    the second layer is dead by a quarter, or by a half where all n see the same one."""
    dead = sum(
        math.comb(width, k) * (0.5 if k in (0, width) else 0.25) ** width for k in range(width + 1)
    )
    assert lower_bound(2, width) == pytest.approx(dead / 2**width)
    assert lower_bound(2, width) <= upper_bound(2, width)


@pytest.mark.parametrize(("depth", "width"), [(2, 2), (3, 1), (3, 2), (6, 2), (10, 3)])
def test_the_share_of_networks_that_are_drawn_lies_between_the_bounds(
    depth: int, width: int
) -> None:
    draws = 20_000
    dead = 1 - alive(depth, width, draws)
    error = 4 * 0.5 / math.sqrt(draws)
    assert lower_bound(depth, width) - error <= dead <= upper_bound(depth, width) + error
    if width == 1:
        # One unit sees one of the inputs, and each layer after it passes that on by a half.
        assert lower_bound(depth, width) == upper_bound(depth, width) == 1 - 0.5 ** (depth - 1)


def test_it_is_supported_where_births_follow_theory() -> None:
    found = conclude("born-dead", births())
    assert found.verdict is Verdict.SUPPORTED
    assert statement(found, "single input").estimate.value == pytest.approx(0, abs=0.06)
    assert statement(found, "asymmetric").verdict is Verdict.SUPPORTED


def test_it_is_refuted_where_more_are_dead_than_theory_says() -> None:
    found = conclude("born-dead", births(too_many=0.25))
    assert found.verdict is Verdict.REFUTED
    assert statement(found, "single input").verdict is Verdict.REFUTED


def test_it_is_refuted_where_the_asymmetric_initialisation_kills_more() -> None:
    found = conclude("born-dead", births(asymmetric=1.6))
    assert statement(found, "asymmetric").verdict is Verdict.REFUTED


def test_it_is_refuted_where_deep_networks_do_not_collapse() -> None:
    found = conclude("born-dead", births(collapses=0.1))
    assert statement(found, "Under mse").verdict is Verdict.REFUTED
    assert found.verdict is Verdict.REFUTED


def test_every_share_stands_beside_its_theory() -> None:
    table = next(one for one in conclude("born-dead", births()).tables if "born dead" in one.title)
    (row,) = [row for row in table.rows if row[0] == "10 x 2"]
    theory = row[table.columns.index("theory")]
    assert not isinstance(theory, str)
    assert theory.value == pytest.approx(1 - 0.75**10)
