"""The table of a sweep: which axes go where, and what stands in the cells."""

import statistics
from typing import Any

import httpx
import pytest

from service.db import Database
from service.domain.states import JobStatus, Outcome
from tests.integration.api.problems import pointers
from tests.integration.db.record import (
    cancel,
    epoch,
    finish,
    members,
    queue_sweep,
    record,
    take,
)

AXES = {
    "activation.derivative_at_zero": [0, 0.5],
    "optimizer.learning_rate": [0.1, 0.2],
    "seed": {"range": 3},
}


def _trained(database: Database) -> str:
    """Members end with train_loss = their index, in order of the points."""
    sweep_id = queue_sweep(database, AXES)
    for index, job_id in enumerate(members(database, sweep_id)):
        held = take(database, job_id)
        record(database, held, epoch(job_id, 0), epoch(job_id, 1, train_loss=float(index)))
        finish(database, held, outcome=Outcome.COMPLETED)
    return sweep_id


def _table(http: httpx.Client, sweep_id: str, **query: str) -> dict[str, Any]:
    query = {"quantity": "train_loss"} | query
    answer = http.get(f"/v1/sweeps/{sweep_id}/table", params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_by_default_the_cells_are_over_the_seeds(http: httpx.Client, database: Database) -> None:
    table = _table(http, _trained(database))
    assert table["rows"] == {"axes": ["activation.derivative_at_zero"], "values": [[0], [0.5]]}
    assert table["columns"] == {"axes": ["optimizer.learning_rate"], "values": [[0.1], [0.2]]}
    assert (table["over"], table["confidence"]) == (["seed"], 0.95)
    means = [[cell["mean"] for cell in row] for row in table["cells"]]
    assert means == [[1, 4], [7, 10]]
    cell = table["cells"][0][0]
    assert (cell["n"], cell["standard_deviation"], cell["state"]) == (3, 1.0, "complete")
    # 4.302653 / √3, from the table of Student's t with 2 degrees of freedom.
    assert cell["interval"]["high"] == pytest.approx(1 + 2.484137)


def test_axes_go_where_the_query_says(http: httpx.Client, database: Database) -> None:
    sweep_id = _trained(database)
    table = _table(http, sweep_id, rows="seed", columns="optimizer.learning_rate")
    assert table["over"] == ["activation.derivative_at_zero"]
    assert table["cells"][2][1]["mean"] == statistics.mean([5, 11])
    table = _table(http, sweep_id, over="seed,optimizer.learning_rate")
    assert table["columns"] == {"axes": [], "values": [[]]}
    assert [row[0]["mean"] for row in table["cells"]] == [2.5, 8.5]
    table = _table(http, sweep_id, rows="seed,optimizer.learning_rate")
    assert [len(table["rows"]["values"]), len(table["columns"]["values"])] == [6, 2]
    assert table["cells"][0][0]["interval"] is None


def test_missing_and_diverged_members_are_shown_as_such(
    http: httpx.Client, database: Database
) -> None:
    sweep_id = queue_sweep(database, {"epochs": [1, 2, 3, 4], "seed": {"range": 2}})
    jobs = members(database, sweep_id)
    for job_id in jobs[:3]:
        held = take(database, job_id)
        record(database, held, epoch(job_id, 0, train_loss=float("nan")))
        finish(database, held, outcome=Outcome.DIVERGED)
    held = take(database, jobs[3])
    record(database, held, epoch(jobs[3], 0, train_loss=3.0))
    finish(database, held, outcome=Outcome.COMPLETED)
    cancel(database, jobs[4])
    held = take(database, jobs[6])
    record(database, held, epoch(jobs[6], 0, train_loss=9.0))
    held = take(database, jobs[7])
    finish(database, held, JobStatus.FAILED)
    table = _table(http, sweep_id)
    cells = [row[0] for row in table["cells"]]
    assert [cell["state"] for cell in cells] == ["diverged", "partial", "missing", "missing"]
    assert [cell["diverged"] for cell in cells] == [2, 1, 0, 0]
    assert [cell["missing"] for cell in cells] == [0, 0, 2, 2]
    assert [cell["mean"] for cell in cells] == [None, 3.0, None, None]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"quantity": "epoch"}, "/query/quantity"),
        ({"quantity": "nothing"}, "/query/quantity"),
        ({"rows": "epochs"}, "/query/rows"),
        ({"rows": "seed", "over": "seed"}, "/query/over"),
        ({"columns": "seed,seed"}, "/query/columns"),
        ({"row": "seed"}, "/query/row"),
    ],
)
def test_a_table_that_cannot_be_is_refused(
    http: httpx.Client, database: Database, query: dict[str, str], pointer: str
) -> None:
    sweep_id = queue_sweep(database, AXES)
    response = http.get(f"/v1/sweeps/{sweep_id}/table", params=query)
    assert pointers(response, "invalid_request") == [pointer]
