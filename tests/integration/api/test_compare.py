"""Jobs side by side, by HTTP."""

import httpx
import pytest

from service.db import Database
from service.domain.events import EpochEvent
from service.domain.metrics import EPOCH_COLUMNS
from tests.integration.api.problems import pointers, problem
from tests.integration.db.record import epoch, queue, record, running


def test_jobs_are_compared(http: httpx.Client, database: Database) -> None:
    one, held_one = running(database, name="one")
    other, held_other = running(database, activation={"name": "relu", "derivative_at_zero": 0.5})
    nan = float("nan")
    for job_id, held, losses in (
        (one, held_one, [2.0, nan, 1.0]),
        (other, held_other, [2.0, nan, 1.5]),
    ):
        events = [epoch(job_id, n, train_loss=x, seconds=n * 0.1) for n, x in enumerate(losses)]
        record(database, held, *events)
    query = {"jobs": f"{one},{other}", "columns": "train_loss"}
    body = http.get("/v1/compare", params=query).json()
    assert [job["id"] for job in body["jobs"]] == [one, other]
    assert body["differences"] == [
        {"pointer": "/name", "values": ["one", None], "present": [True, True]},
        {
            "pointer": "/activation/derivative_at_zero",
            "values": [None, 0.5],
            "present": [True, True],
        },
    ]
    assert body["epochs"] == [0, 1, 2]
    assert body["curves"] == [
        {
            "quantity": "train_loss",
            "values": [[2.0, "NaN", 1.0], [2.0, "NaN", 1.5]],
            "first_differing_epoch": 2,
            "minimum": None,
            "maximum": None,
        }
    ]
    assert (body["first_differing_epoch"], body["first_differing_step"]) == (2, None)
    every = http.get("/v1/compare", params={"jobs": f"{one},{other}"}).json()["curves"]
    assert [one["quantity"] for one in every] == [*EPOCH_COLUMNS[1:]]


def test_long_jobs_are_compared_in_few_points(http: httpx.Client, database: Database) -> None:
    """Where they differ is found in all epochs, whatever is shown."""
    series = {"one": [4.0, 1.0, None, None, 7.0], "other": [4.0, 3.0, None, float("nan"), 7.0]}
    ids = []
    for seed, losses in enumerate(series.values()):
        job_id, held = running(database, seed=seed, epochs=4)
        record(database, held, *(epoch(job_id, n, train_loss=x) for n, x in enumerate(losses)))
        ids.append(job_id)
    query = {"jobs": ",".join(ids), "columns": "train_loss", "max_points": "3"}
    body = http.get("/v1/compare", params=query).raise_for_status().json()
    assert (body["epochs_per_point"], body["epochs"]) == (2, [1, 3, 4])
    assert body["first_differing_epoch"] == 1
    (curve,) = body["curves"]
    assert curve["values"] == [[1.0, None, 7.0], [3.0, "NaN", 7.0]]
    assert curve["minimum"] == [[1.0, None, 7.0], [3.0, "NaN", 7.0]]
    assert curve["maximum"] == [[4.0, None, 7.0], [4.0, "NaN", 7.0]]


def _met_in_epoch_2(member: str, loss: float) -> list[EpochEvent]:
    """Three epochs; in the last, step 17 meets a kink in the second of two layers."""
    events = [epoch(member, number, layers=2, train_loss=2.0) for number in range(3)]
    layers = [
        events[2].layers[0],
        events[2].layers[1].model_copy(update={"first_effective_step": 17}),
    ]
    metrics = {"first_effective_step": 17, "train_loss": loss}
    events[2] = events[2].model_copy(
        update={"metrics": events[2].metrics.model_copy(update=metrics), "layers": layers}
    )
    return events


@pytest.mark.parametrize(("seed", "step", "layers"), [(0, 17, [1]), (1, None, [])])
def test_twins_part_at_the_first_effective_hit(
    http: httpx.Client, database: Database, seed: int, step: int | None, layers: list[int]
) -> None:
    """Two jobs that differ in the seed as well are no twins."""
    one, held_one = running(database)
    other, held_other = running(
        database, seed=seed, activation={"name": "relu", "derivative_at_zero": 0.5}
    )
    record(database, held_one, *_met_in_epoch_2(one, 1.0))
    record(database, held_other, *_met_in_epoch_2(other, 1.5))
    body = http.get("/v1/compare", params={"jobs": f"{one},{other}"}).json()
    assert (body["first_differing_step"], body["first_differing_layers"]) == (step, layers)


def test_jobs_without_epochs_are_compared_by_their_specs(
    http: httpx.Client, database: Database
) -> None:
    ids = [queue(database, seed=seed) for seed in range(3)]
    body = http.get("/v1/compare", params={"jobs": ",".join(ids)}).json()
    assert body["differences"] == [{"pointer": "/seed", "values": [0, 1, 2], "present": [True] * 3}]
    assert (body["epochs"], body["first_differing_epoch"]) == ([], None)


_NOBODY = [f"job_{n:032x}" for n in range(11)]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({}, "/query/jobs"),
        ({"jobs": ""}, "/query/jobs"),
        ({"jobs": _NOBODY[0]}, "/query/jobs"),
        ({"jobs": f"{_NOBODY[0]},{_NOBODY[0]}"}, "/query/jobs"),
        ({"jobs": ",".join(_NOBODY)}, "/query/jobs"),
        ({"jobs": ",".join(_NOBODY[:2]), "columns": "loss"}, "/query/columns"),
        ({"jobs": ",".join(_NOBODY[:2]), "column": "loss"}, "/query/column"),
    ],
)
def test_a_comparison_that_cannot_be_is_refused(
    still: httpx.Client, query: dict[str, str], pointer: str
) -> None:
    assert pointers(still.get("/v1/compare", params=query), "invalid_request") == [pointer]


@pytest.mark.parametrize("jobs", [",".join(_NOBODY[:2]), f"{_NOBODY[0]},x"])
def test_an_unknown_job_is_not_found(still: httpx.Client, jobs: str) -> None:
    problem(still.get("/v1/compare", params={"jobs": jobs}), "job_not_found")
