"""The exact optimum of linear networks, against scikit-learn, and the distances from it.

Tolerance: both sides solve the same well-conditioned problem in float64, in other ways; 1e-9 leaves
seven digits for the way.
"""

import json
import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression, QuantileRegressor

from service.domain.spec import JobSpec
from tests.unit.engine.parts.trainings import final_parameters
from tests.unit.engine.running import CPU, run_all, run_one
from workers.training import Control
from workers.training import optimum as module
from workers.training.data import load
from workers.training.optimum import Optimum, find_optima, problem
from workers.training.shapes import Shapes
from workers.training.tensors import PartTensors

DATA: list[dict[str, Any]] = [
    {"name": "diabetes"},
    {"name": "diabetes", "scaling": "none", "validation_fraction": 0},
    {"name": "linear", "size": 300, "features": 8, "outliers": 0.1},
    {"name": "linear", "size": 61, "features": 20, "noise": 3.0},
    {"name": "abs", "size": 101},
]
LOSSES: list[dict[str, Any]] = [
    {"name": "mse"},
    {"name": "mae"},
    {"name": "quantile"},
    {"name": "quantile", "q": 0.13},
    {"name": "quantile", "q": 0.9},
]


def spec_of(dataset: dict[str, Any], loss: dict[str, Any], **changes: Any) -> JobSpec:
    return JobSpec.model_validate(
        {
            "dataset": dataset,
            "network": {"kind": "linear"},
            "activation": {"name": "identity"},
            "loss": loss,
            "optimizer": {"learning_rate": 0.1},
            "epochs": 2,
            "precision": "float64",
        }
        | changes
    )


def solve(spec: JobSpec) -> Optimum | None:
    one, shapes = problem(spec), Shapes.of(spec)
    assert one is not None
    part = PartTensors.of(load(spec).train, shapes, CPU)
    return find_optima([one, None], part, shapes.widths).get(one)


def solved(spec: JobSpec) -> Optimum:
    found = solve(spec)
    assert found is not None
    return found


def loss_at(spec: JobSpec, answers: Any, targets: Any) -> float:
    residual = answers - targets
    match spec.loss.name:
        case "mse":
            return float(np.mean(residual**2))
        case "mae":
            return float(np.mean(abs(residual)))
    q = spec.loss.model_dump()["q"]
    return float(np.mean(np.maximum(-q * residual, (1 - q) * residual)))


@pytest.mark.parametrize("dataset", DATA, ids=str)
@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_loss_and_parameters_are_scikit_learns(
    dataset: dict[str, Any], loss: dict[str, Any]
) -> None:
    spec = spec_of(dataset, loss)
    train = load(spec).train
    model: Any = LinearRegression()
    if loss["name"] != "mse":
        model = QuantileRegressor(quantile=loss.get("q", 0.5), alpha=0, solver="highs")
    model.fit(train.features, train.targets[:, 0])
    found = solved(spec)
    expected = loss_at(spec, model.predict(train.features), train.targets[:, 0])
    assert found.loss == pytest.approx(expected, rel=1e-9)
    theirs = [*model.coef_, model.intercept_]
    assert found.parameters[:, 0] == pytest.approx(theirs, rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("dataset", DATA[1:], ids=str)
def test_least_absolute_deviations_pass_through_as_many_examples_as_parameters(
    dataset: dict[str, Any],
) -> None:
    """Its optimum is a vertex: the kink lies at the solution, of least squares it does not."""
    exact = {}
    for name in ("mae", "mse"):
        spec = spec_of(dataset, {"name": name})
        train, found = load(spec).train, solved(spec)
        design = np.column_stack([train.features, np.ones(train.count)])
        residuals = np.abs(design @ found.parameters - train.targets)
        exact[name] = int((residuals < 1e-7 * np.abs(train.targets).max()).sum())
    assert exact == {"mae": design.shape[1], "mse": 0}


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_no_step_from_the_optimum_lowers_the_loss(loss: dict[str, Any]) -> None:
    spec = spec_of(DATA[2], loss)
    train, found = load(spec).train, solved(spec)
    design = np.column_stack([train.features, np.ones(train.count)])
    rng = np.random.default_rng(0)
    for size in (1e-6, 1e-3, 1.0):
        for _ in range(20):
            moved = found.parameters + size * rng.standard_normal(found.parameters.shape)
            assert loss_at(spec, design @ moved, train.targets) >= found.loss * (1 - 1e-12)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_optimum_is_that_of_the_rounded_numbers_that_training_sees(precision: str) -> None:
    exact, rounded = (
        solved(spec_of(DATA[2], {"name": "mae"}, precision=p))
        for p in (
            "float64",
            precision,
        )
    )
    assert exact.loss != rounded.loss
    assert rounded.loss == pytest.approx(exact.loss, rel=1e-6 if precision == "float32" else 0.01)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize(
    "dataset",
    [
        {"name": "linear", "size": 100, "features": 4, "noise": 0.0},
        {"name": "linear", "size": 20, "features": 30, "noise": 1.0},
    ],
    ids=["no noise", "more features than examples"],
)
def test_an_optimum_that_is_0_but_for_rounding_is_0_and_has_no_gap(
    dataset: dict[str, Any], loss: dict[str, Any]
) -> None:
    spec = spec_of(dataset, loss)
    assert solved(spec).loss == 0
    for event in run_one(spec).epochs:
        assert event.metrics.optimality_gap is None
        assert (event.metrics.weight_distance or 0) > 0


def test_constant_features_do_no_harm() -> None:
    for loss in LOSSES:
        found = solved(spec_of({"name": "diabetes", "scaling": "none"}, loss))
        assert np.isfinite(found.parameters).all()


@pytest.mark.parametrize(
    ("limit", "value", "loss"),
    [
        ("LARGEST_SQUARES", 1e4, "mse"),
        ("LARGEST_PROGRAM", 1000, "mae"),
        ("MOST_ITERATIONS", 3, "quantile"),
        ("CERTAIN", -1.0, "mae"),
    ],
)
def test_what_costs_too_much_or_is_not_certain_has_no_optimum(
    limit: str, value: float, loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(DATA[0], {"name": loss})
    assert solve(spec) is not None
    monkeypatch.setattr(module, limit, value)
    assert solve(spec) is None
    metrics = run_one(spec).last.metrics
    assert (metrics.optimality_gap, metrics.weight_distance) == (None, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"network": {"hidden": [3]}},
        {"loss": {"name": "huber"}},
        {"dataset": {"name": "iris"}, "loss": {"name": "cross_entropy"}},
    ],
    ids=["hidden layer", "huber", "classes"],
)
def test_other_networks_and_losses_have_no_optimum(changes: dict[str, Any]) -> None:
    spec = spec_of(DATA[0], {"name": "mse"}, **{k: changes[k] for k in changes if k == "network"})
    spec = JobSpec.model_validate(spec.model_dump() | changes)
    for event in run_one(spec).epochs:
        assert event.metrics.optimality_gap is None
        assert event.metrics.weight_distance is None


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_the_distances_are_those_of_the_weights(
    loss: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(DATA[2], loss, epochs=3)
    found, metrics = solved(spec), run_one(spec).last.metrics
    weight, bias = final_parameters([spec], monkeypatch)[0]
    apart = torch.cat([weight, bias[None]]).numpy() - found.parameters
    assert metrics.weight_distance == pytest.approx(math.sqrt((apart**2).sum()), rel=1e-12)
    assert metrics.train_loss is not None
    assert metrics.optimality_gap == (metrics.train_loss - found.loss) / found.loss


def test_gradient_descent_reaches_the_optimum_of_least_squares() -> None:
    dataset = {"name": "diabetes", "scale_target": True}
    spec = spec_of(dataset, {"name": "mse"}, epochs=4000, batch_size=1000)
    epochs = [event.metrics for event in run_one(spec).epochs]
    gaps = [one.optimality_gap or 0.0 for one in epochs]
    apart = [one.weight_distance or 0.0 for one in epochs]
    assert gaps[0] > 0.5
    assert abs(gaps[-1]) < 1e-7
    assert apart[-1] < 1e-2 * apart[0]
    assert all(later <= before for before, later in pairwise(apart))


def test_members_that_diverge_have_distances_that_are_not_finite() -> None:
    rates = (0.1, 1e200)
    stories = run_all(
        [spec_of(DATA[2], {"name": "mse"}, optimizer={"learning_rate": rate}) for rate in rates]
    )
    fine, lost = (story.last.metrics for story in stories)
    assert math.isfinite(fine.weight_distance or math.nan)
    for number in (lost.optimality_gap, lost.weight_distance):
        assert number is not None
        assert not math.isfinite(number)
    told = json.loads(stories[1].last.model_dump_json(), parse_constant=pytest.fail)
    assert told["metrics"]["weight_distance"] in ("NaN", "Infinity")


def test_members_with_the_same_loss_share_one_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where their conventions differ."""
    solutions: list[Any] = []
    solve_program = module._least_deviations

    def count(*arguments: Any) -> Any:
        solutions.append(arguments)
        return solve_program(*arguments)

    monkeypatch.setattr(module, "_least_deviations", count)
    losses = [
        {"name": "quantile", "q": q, "derivative_at_zero": a}
        for q in (0.2, 0.7)
        for a in (
            0.0,
            0.1,
        )
    ]
    together = run_all([spec_of(DATA[2], loss) for loss in losses])
    assert len(solutions) == 2
    alone = [run_one(spec_of(DATA[2], loss)) for loss in losses]
    assert [story.bits for story in together] == [story.bits for story in alone]


def test_no_optimum_is_looked_for_once_everybody_is_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    solved: list[Any] = []
    control, solve_one = Control(), module._solve

    def stop_at_first(one: module.Problem, *rest: Any) -> Optimum | None:
        solved.append(one)
        control.stop_all()
        return solve_one(one, *rest)

    monkeypatch.setattr(module, "_solve", stop_at_first)
    losses = [{"name": "quantile", "q": q} for q in (0.1, 0.5, 0.9)]
    stories = run_all([spec_of(DATA[2], loss) for loss in losses], control=control)
    assert solved == [("quantile", 0.1)]
    assert all(story.was_stopped for story in stories)
