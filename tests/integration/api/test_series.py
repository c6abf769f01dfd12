"""What a run measured, as its readers get it."""

import math
import struct

import httpx

from service.db import Database
from service.domain.events import UnitActivity
from service.domain.metrics import EPOCH_COLUMNS, LAYER_COLUMNS
from tests.integration.api.problems import problem
from tests.integration.db.record import epoch, queue, record, running


def test_a_job_without_epochs_has_every_column_empty(
    http: httpx.Client, database: Database
) -> None:
    job_id = queue(database)
    epochs = http.get(f"/v1/jobs/{job_id}/epochs").json()
    assert epochs == {"job_id": job_id, "columns": {name: [] for name in EPOCH_COLUMNS}}
    layers = http.get(f"/v1/jobs/{job_id}/layers").json()
    assert layers == {"job_id": job_id, "columns": {name: [] for name in LAYER_COLUMNS}}


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
    units = http.get(f"/v1/jobs/{queue(database)}/units").json()
    assert (units["units"], units["epochs"], units["activity"]) == (4, [], [])
    assert units["irreversible_fraction"] is None


def test_a_layer_that_the_network_lacks_is_refused(http: httpx.Client, database: Database) -> None:
    response = http.get(f"/v1/jobs/{queue(database)}/units", params={"layer": 1})
    assert "0 to 0" in problem(response, "invalid_request")["detail"]
    job_id = queue(database, network={"kind": "linear"}, activation={"name": "identity"})
    response = http.get(f"/v1/jobs/{job_id}/units")
    assert "linear" in problem(response, "invalid_request")["detail"]
