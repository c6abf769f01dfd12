"""What a run measured, as its readers get it."""

import io
import math
import struct
import sys

import httpx
import pytest
from pyarrow import parquet

from service.api.tabular import PARQUET
from service.db import Database
from service.domain.events import UnitActivity
from service.domain.metrics import EPOCH_COLUMNS, LAYER_COLUMNS
from tests.integration.api.problems import pointers, problem
from tests.integration.db.record import epoch, queue, record, running


def test_a_job_without_epochs_has_every_column_empty(
    http: httpx.Client, database: Database
) -> None:
    job_id = queue(database)
    epochs = http.get(f"/v1/jobs/{job_id}/epochs").json()
    empty = {"job_id": job_id, "epochs_per_point": 1}
    assert epochs == empty | {"columns": {name: [] for name in EPOCH_COLUMNS}}
    layers = http.get(f"/v1/jobs/{job_id}/layers").json()
    assert layers == empty | {"columns": {name: [] for name in LAYER_COLUMNS}}


def test_epochs_are_columns_with_nan_and_null_kept_apart(
    http: httpx.Client, database: Database
) -> None:
    job_id, held = running(database)
    losses = [2.5, None, float("nan"), float("inf"), float("-inf")]
    record(database, held, *(epoch(job_id, n, train_loss=x) for n, x in enumerate(losses)))
    columns = http.get(f"/v1/jobs/{job_id}/epochs").json()["columns"]
    assert columns["epoch"] == [0, 1, 2, 3, 4]
    assert columns["train_loss"] == [2.5, None, "NaN", "Infinity", "-Infinity"]
    assert columns["kink_hits"] == [None] * 5


def test_layers_are_columns_ordered_by_epoch_and_layer(
    http: httpx.Client, database: Database
) -> None:
    job_id, held = running(database, network={"hidden": [4, 4]})
    record(database, held, *(epoch(job_id, n, layers=2) for n in range(2)))
    columns = http.get(f"/v1/jobs/{job_id}/layers").json()["columns"]
    assert columns["epoch"] == [0, 0, 1, 1]
    assert columns["layer"] == [0, 1, 0, 1]
    assert columns["units"] == [4] * 4


def test_units_have_activity_deaths_and_lifecycles(http: httpx.Client, database: Database) -> None:
    job_id, held = running(database, network={"hidden": [3]})
    states = [[0, 1, 0], [1, 1, 0], [0, 1, 255]]
    for number, dead in enumerate(states):
        unit = UnitActivity.of_bytes(0, struct.pack("<3f", 0.5, 0.0, math.nan), bytes(dead))
        event = epoch(job_id, number).model_copy(update={"units": [unit]})
        record(database, held, event)
    assert http.get(f"/v1/jobs/{job_id}/units").json() == {
        "job_id": job_id,
        "layer": 0,
        "units": 3,
        "epochs_per_point": 1,
        "epochs": [0, 1, 2],
        "activity": [[0.5, 0.0, "NaN"]] * 3,
        "dead": [[False, True, False], [True, True, False], [False, True, None]],
        "lifecycles": [
            {"died": [1], "revived": [2]},
            {"died": [0], "revived": []},
            {"died": [], "revived": []},
        ],
        "irreversible_fraction": 0.5,
    }


def test_units_that_were_not_kept_are_an_empty_matrix(
    http: httpx.Client, database: Database
) -> None:
    for few in ({}, {"max_points": 2}):
        units = http.get(f"/v1/jobs/{queue(database)}/units", params=few).raise_for_status().json()
        assert (units["units"], units["epochs"], units["activity"]) == (4, [], [])
        assert (units["epochs_per_point"], units["irreversible_fraction"]) == (1, None)


def test_a_layer_that_the_network_lacks_is_refused(http: httpx.Client, database: Database) -> None:
    response = http.get(f"/v1/jobs/{queue(database)}/units", params={"layer": 1})
    assert "0 to 0" in problem(response, "invalid_request")["detail"]
    job_id = queue(database, network={"kind": "linear"}, activation={"name": "identity"})
    response = http.get(f"/v1/jobs/{job_id}/units")
    assert "linear" in problem(response, "invalid_request")["detail"]


def _long(database: Database, count: int = 10) -> str:
    job_id, held = running(database)
    losses = [float("nan") if n == 1 else float(n % 4) for n in range(count)]
    record(
        database,
        held,
        *(epoch(job_id, n, train_loss=x, kink_hits=n) for n, x in enumerate(losses)),
    )
    return job_id


def test_a_series_is_read_in_few_points(http: httpx.Client, database: Database) -> None:
    query = {"max_points": "3", "columns": "epoch,train_loss"}
    body = http.get(f"/v1/jobs/{_long(database)}/epochs", params=query).json()
    assert body["epochs_per_point"] == 4
    assert body["columns"] == {"epoch": [3, 7, 9], "train_loss": [3.0, 3.0, 1.0]}
    assert body["minimum"] == {"train_loss": ["NaN", 0.0, 0.0]}
    assert body["maximum"] == {"train_loss": ["NaN", 3.0, 1.0]}
    whole = http.get(f"/v1/jobs/{body['job_id']}/epochs", params={"max_points": 10}).json()
    assert whole["epochs_per_point"] == 1
    assert "minimum" not in whole


def test_layers_are_read_in_few_points(http: httpx.Client, database: Database) -> None:
    query = {"max_points": "2", "columns": "epoch,layer"}
    body = http.get(f"/v1/jobs/{_long(database)}/layers", params=query).json()
    assert body["columns"] == {"epoch": [4, 9], "layer": [0, 0]}


def test_units_are_read_in_few_points(http: httpx.Client, database: Database) -> None:
    job_id, held = running(database, network={"hidden": [2]})
    for number, activity in enumerate([[0.5, 4.0], [0.25, float("nan")], [1.0, 2.0]]):
        unit = UnitActivity.of_bytes(0, struct.pack("<2f", *activity), bytes([0, number == 1]))
        record(database, held, epoch(job_id, number).model_copy(update={"units": [unit]}))
    body = http.get(f"/v1/jobs/{job_id}/units", params={"max_points": 2}).json()
    assert (body["epochs_per_point"], body["epochs"]) == (2, [1, 2])
    assert body["activity"] == [[0.25, "NaN"], [1.0, 2.0]]
    assert body["minimum"] == [[0.25, "NaN"], [1.0, 2.0]]
    assert body["maximum"] == [[0.5, "NaN"], [1.0, 2.0]]
    assert body["dead"] == [[False, True], [False, False]]
    assert body["lifecycles"][1] == {"died": [1], "revived": [2]}


def test_units_live_as_they_would_if_nobody_skipped_an_epoch(
    http: httpx.Client, database: Database
) -> None:
    """Most epochs change no unit's state, and the last one may be such an epoch or not."""
    job_id, held = running(database, network={"hidden": [2]}, epochs=6)
    for number, dead in enumerate(["00", "00", "10", "10", "11", "01", "01"]):
        unit = UnitActivity.of_bytes(0, struct.pack("<2f", 1.0, 2.0), bytes(map(int, dead)))
        record(database, held, epoch(job_id, number).model_copy(update={"units": [unit]}))
        body = http.get(f"/v1/jobs/{job_id}/units").raise_for_status().json()
    assert body["lifecycles"] == [{"died": [2], "revived": [5]}, {"died": [4], "revived": []}]
    assert body["irreversible_fraction"] == 0.5


def test_a_series_as_csv(http: httpx.Client, database: Database) -> None:
    job_id, held = running(database)
    losses = [2.5, None, float("nan"), float("inf"), float("-inf")]
    record(database, held, *(epoch(job_id, n, train_loss=x) for n, x in enumerate(losses)))
    answer = http.get(
        f"/v1/jobs/{job_id}/epochs",
        params={"columns": "epoch,train_loss"},
        headers={"Accept": "text/csv"},
    )
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["vary"] == "Accept"
    rows = "0,2.5\r\n1,\r\n2,NaN\r\n3,Infinity\r\n4,-Infinity\r\n"
    assert answer.text == "epoch,train_loss\r\n" + rows
    thinned = http.get(
        f"/v1/jobs/{job_id}/epochs",
        params={"columns": "epoch,train_loss", "max_points": 2},
        headers={"Accept": "text/csv"},
    )
    assert thinned.text.splitlines() == [
        "epoch,train_loss,train_loss_min,train_loss_max",
        "2,NaN,NaN,NaN",
        "4,-Infinity,-Infinity,Infinity",
    ]


@pytest.mark.parametrize("series", ["epochs", "layers"])
def test_a_series_as_parquet(http: httpx.Client, database: Database, series: str) -> None:
    job_id = _long(database)
    path = f"/v1/jobs/{job_id}/{series}"
    for query in ({}, {"max_points": 3}):
        answer = http.get(path, params=query, headers={"Accept": PARQUET})
        assert answer.headers["content-type"] == PARQUET
        table = parquet.read_table(io.BytesIO(answer.content))
        body = http.get(path, params=query).json()
        flat = dict(body["columns"])
        for end, name in (("min", "minimum"), ("max", "maximum")):
            flat |= {f"{column}_{end}": v for column, v in body.get(name, {}).items()}
        assert table.column_names == list(flat)
        assert str(table.schema.field("kink_hits").type) == "int64"
        for column, values in flat.items():
            found = table[column].to_pylist()
            assert [value if value != "NaN" else math.nan for value in values] == pytest.approx(
                found, nan_ok=True
            ), column


def test_without_pyarrow_parquet_is_refused_with_the_remedy(
    http: httpx.Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = f"/v1/jobs/{_long(database)}/epochs"
    body = problem(http.get(path, headers={"Accept": PARQUET}), "not_acceptable")
    assert "pip install" in body["detail"]
    assert "parquet" in body["detail"]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"columns": "loss"}, "/query/columns"),
        ({"columns": ""}, "/query/columns"),
        ({"columns": "epoch,"}, "/query/columns"),
        ({"max_points": 0}, "/query/max_points"),
        ({"max_points": 10_001}, "/query/max_points"),
        ({"points": 3}, "/query/points"),
    ],
)
@pytest.mark.parametrize("series", ["epochs", "layers"])
def test_a_part_that_is_none_is_refused(
    still: httpx.Client, series: str, query: dict[str, str], pointer: str
) -> None:
    answer = still.get(f"/v1/jobs/job_{0:032x}/{series}", params=query)
    assert pointers(answer, "invalid_request") == [pointer]
