"""Uploading, listing, reading and deleting data sets, and jobs on them."""

import io
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pyarrow
import pytest
from fastapi import FastAPI
from pyarrow import parquet

from service.api.examples.datasets import UPLOAD_CSV
from service.db import Database
from service.domain.limits import Limits
from service.settings import Settings
from service.uploads import CSV, NPZ, PARQUET
from tests.integration.api.problems import pointers, problem
from tests.integration.db.record import finish, remove, rows, take
from tests.specs import SMALL

KINDS = {"task": "classification", "target": "kind"}
_NOBODY = f"dat_{0:032x}"


def upload(
    http: httpx.Client, content: str | bytes = UPLOAD_CSV, form: str = CSV, **parameters: str
) -> httpx.Response:
    asked = {**KINDS, **parameters}
    return http.post("/v1/datasets", content=content, params=asked, headers={"Content-Type": form})


def of_numbers(seed: int) -> str:
    return f"a,kind\n{seed},x\n1,y\n2,x\n"


def job_on(dataset_id: str, **more: Any) -> dict[str, Any]:
    dataset = {"name": "upload", "dataset_id": dataset_id, "validation_fraction": 0, **more}
    return SMALL | {"dataset": dataset, "loss": {"name": "cross_entropy"}}


def test_an_upload_is_described_and_read_back(http: httpx.Client) -> None:
    made = upload(http, name="leaves")
    body = made.raise_for_status().json()
    assert made.status_code == 201
    assert made.headers["location"] == f"/v1/datasets/{body['id']}"
    sizes = [body[fact] for fact in ("name", "task", "target", "examples", "features", "classes")]
    assert sizes == ["leaves", "classification", "kind", 3, 2, 2]
    assert [column["name"] for column in body["columns"]] == ["length", "width", "kind"]
    assert body["columns"][0]["mean"] == pytest.approx(5.4)
    assert body["class_counts"] == [{"name": "a", "examples": 2}, {"name": "b", "examples": 1}]
    assert http.get(made.headers["location"]).json() == body


def test_the_first_examples_are_previewed(http: httpx.Client) -> None:
    path = upload(http).headers["location"]
    whole = http.get(f"{path}/preview").raise_for_status().json()
    assert whole["columns"] == ["length", "width", "kind"]
    assert whole["rows"] == [[5.1, 3.5, "a"], [6.2, 2.9, "b"], [4.9, 3.1, "a"]]
    assert whole["hidden_columns"] == 0
    assert http.get(f"{path}/preview?rows=1").json()["rows"] == whole["rows"][:1]
    for rows_ in ("0", "101", "x"):
        answer = http.get(f"{path}/preview", params={"rows": rows_})
        assert pointers(answer, "invalid_request") == ["/query/rows"]
    problem(http.get(f"/v1/datasets/{_NOBODY}/preview"), "dataset_not_found")


def test_a_preview_of_many_columns_shows_the_first_and_the_target(http: httpx.Client) -> None:
    names = [f"c{at}" for at in range(80)]
    lines = [",".join(str(row * 100 + at) for at in range(80)) for row in range(30)]
    made = upload(http, "\n".join([",".join(names), *lines]), task="regression", target="c3")
    found = http.get(f"{made.headers['location']}/preview").json()
    features = [name for name in names if name != "c3"]
    assert found["columns"] == [*features[:49], "c3"]
    assert (found["hidden_columns"], len(found["rows"])) == (30, 10)
    # The second row of the file: a hundred and its column, the target last.
    assert found["rows"][1] == [*(100 + int(name[1:]) for name in features[:49]), 103]


def test_the_same_data_in_any_form_are_one_data_set(http: httpx.Client) -> None:
    """numpy's own NPZ, pyarrow's own Parquet."""
    text = "x0,x1,y\n1,2,0.5\n3,4,1.5\n"
    plain, packed, table = io.BytesIO(), io.BytesIO(), io.BytesIO()
    arrays = {"X": np.array([[1, 2], [3, 4]]), "y": np.array([0.5, 1.5], np.float32)}
    np.savez(plain, **arrays)  # type: ignore[arg-type]
    np.savez_compressed(packed, **arrays)  # type: ignore[arg-type]
    columns = {"x0": [1, 3], "x1": [2, 4], "y": [0.5, 1.5]}
    parquet.write_table(pyarrow.table(columns), table)
    made = [
        upload(http, content, form, task="regression", target="y")
        for content, form in (
            (text, "text/csv; charset=utf-8; header=present"),
            (plain.getvalue(), NPZ),
            (packed.getvalue(), "application/zip"),
            (table.getvalue(), PARQUET),
        )
    ]
    assert [one.status_code for one in made] == [201, 200, 200, 200]
    assert len({one.json()["id"] for one in made}) == 1
    assert len(http.get("/v1/datasets").json()["data"]) == 1


def test_numpys_pickles_are_refused(http: httpx.Client) -> None:
    file = io.BytesIO()
    np.savez(file, X=np.array([[print], [1]], object), y=np.array([1, 2]))
    answer = upload(http, file.getvalue(), NPZ, target="y")
    assert "pickle" in problem(answer, "invalid_dataset")["detail"]
    assert pointers(answer, "invalid_dataset") == [""]


def test_text_that_is_no_utf8_is_refused(still: httpx.Client) -> None:
    file = io.BytesIO()
    parquet.write_table(pyarrow.table({"a": [1, 2, 3], "kind": ["é", "b", "é"]}), file)
    answer = upload(still, file.getvalue().replace("é".encode(), b"\xff\xfe"), PARQUET)
    assert "not UTF-8" in problem(answer, "invalid_dataset")["detail"]


def test_the_list_is_newest_first_in_pages_and_by_filter(http: httpx.Client) -> None:
    ids = [upload(http, of_numbers(i), name=f"n{i % 2}").json()["id"] for i in range(5)]
    seen, cursor = [], None
    while True:
        parameters = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = http.get("/v1/datasets", params=parameters).json()
        seen += [one["id"] for one in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ids[::-1]
    assert "columns" not in page["data"][0]
    named = http.get("/v1/datasets?name=n1").json()["data"]
    assert [one["id"] for one in named] == [ids[3], ids[1]]
    assert http.get("/v1/datasets?task=regression").json()["data"] == []


def test_a_cursor_at_a_data_set_that_is_gone_is_told(http: httpx.Client) -> None:
    ids = [upload(http, of_numbers(i)).json()["id"] for i in range(3)]
    cursor = http.get("/v1/datasets?limit=1").json()["next_cursor"]
    assert http.delete(f"/v1/datasets/{ids[-1]}").status_code == 204
    answer = http.get("/v1/datasets", params={"cursor": cursor})
    assert pointers(answer, "invalid_request") == ["/query/cursor"]


@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({"target": "colour"}, "/query/target"),
        ({"target": ""}, "/query/target"),
        ({"task": "clustering"}, "/query/task"),
        ({"name": "a\nb"}, "/query/name"),
        ({"wanted": "1"}, "/query/wanted"),
    ],
)
def test_a_parameter_that_is_wrong_is_named(
    still: httpx.Client, parameters: dict[str, str], pointer: str
) -> None:
    answer = upload(still, **parameters)
    assert pointers(answer, answer.json()["code"]) == [pointer]
    assert answer.status_code == 422


@pytest.mark.parametrize("form", ["", "application/json", "application/octet-stream", "text/plain"])
def test_other_kinds_of_files_are_not_read(still: httpx.Client, form: str) -> None:
    answer = upload(still, form=form)
    assert "text/csv" in problem(answer, "unsupported_media_type")["detail"]


@pytest.fixture
def small(app: FastAPI) -> None:
    """A service that takes little."""
    limits = Limits(max_upload_bytes=1024)
    app.state.settings = Settings(home=app.state.settings.home, limits=limits)


@pytest.mark.usefixtures("small")
def test_a_file_that_is_too_large_is_not_read(http: httpx.Client) -> None:
    assert upload(http, "a,kind\n" + "1,x\n" * 300).status_code == 413

    def chunks() -> Iterator[bytes]:
        yield from [b"1,x\n" * 100] * 5

    answer = http.post(
        "/v1/datasets", content=chunks(), params=KINDS, headers={"Content-Type": CSV}
    )
    problem(answer, "body_too_large")


def test_what_is_not_there_is_not_found(still: httpx.Client) -> None:
    for method in ("GET", "DELETE"):
        for dataset_id in (_NOBODY, "dat_1", "job_1"):
            answer = still.request(method, f"/v1/datasets/{dataset_id}")
            problem(answer, "dataset_not_found")


def test_a_job_stores_the_sizes_of_its_data_set(http: httpx.Client) -> None:
    dataset_id = upload(http).json()["id"]
    job = http.post("/v1/jobs", json=job_on(dataset_id)).raise_for_status().json()
    sizes = [job["spec"]["dataset"][size] for size in ("examples", "features", "classes")]
    assert sizes == [3, 2, 2]
    assert http.get(f"/v1/jobs/{job['id']}").json()["spec"] == job["spec"]


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"examples": 4}, "/dataset"),
        ({"classes": None}, "/dataset"),
        ({"dataset_id": _NOBODY}, "/dataset/dataset_id"),
        ({"dataset_id": "../../etc/passwd"}, "/dataset/dataset_id"),
        ({"dataset_id": 7}, "/dataset/dataset_id"),
    ],
)
def test_a_job_on_data_that_are_not_so_is_refused(
    http: httpx.Client, more: dict[str, Any], pointer: str
) -> None:
    dataset_id = upload(http).json()["id"]
    assert http.post("/v1/jobs", json=job_on(dataset_id, examples=3)).status_code == 202
    answer = http.post(
        "/v1/jobs", json=job_on(dataset_id) | {"dataset": job_on(dataset_id)["dataset"] | more}
    )
    assert pointers(answer, "invalid_spec") == [pointer]


def test_the_loss_must_fit_the_task_of_the_upload(http: httpx.Client) -> None:
    dataset_id = upload(http).json()["id"]
    answer = http.post("/v1/jobs", json=job_on(dataset_id) | {"loss": {"name": "mse"}})
    assert pointers(answer, "spec_rejected") == ["/loss/name"]


def test_a_sweep_may_go_over_data_sets(http: httpx.Client, database: Database) -> None:
    ids = [upload(http, of_numbers(i)).json()["id"] for i in range(2)]
    sweep = {"base": job_on(ids[0]), "axes": {"dataset.dataset_id": ids, "seed": {"range": 2}}}
    made = http.post("/v1/sweeps", json=sweep).raise_for_status().json()
    assert made["members"] == 4
    used = "SELECT dataset_id FROM dataset_uses ORDER BY job_id"
    assert [row[0] for row in rows(database, used)] == [ids[0]] * 2 + [ids[1]] * 2
    sweep["axes"] = {"dataset.dataset_id": [ids[0], _NOBODY]}
    answer = http.post("/v1/sweeps", json=sweep)
    assert pointers(answer, "spec_rejected") == ["/axes/dataset.dataset_id/1"]


def test_a_data_set_that_a_job_uses_stays_until_the_job_is_gone(
    http: httpx.Client, database: Database
) -> None:
    dataset_id = upload(http).json()["id"]
    job_id = http.post("/v1/jobs", json=job_on(dataset_id)).json()["id"]
    finish(database, take(database, job_id))
    answer = http.delete(f"/v1/datasets/{dataset_id}")
    assert job_id in problem(answer, "move_refused")["detail"]
    assert http.get(f"/v1/datasets/{dataset_id}").status_code == 200
    remove(database, job_id)
    assert http.delete(f"/v1/datasets/{dataset_id}").status_code == 204
    problem(http.get(f"/v1/datasets/{dataset_id}"), "dataset_not_found")
    assert pointers(http.post("/v1/jobs", json=job_on(dataset_id)), "invalid_spec") == [
        "/dataset/dataset_id"
    ]


def test_a_dry_run_uses_nothing(http: httpx.Client) -> None:
    dataset_id = upload(http).json()["id"]
    plan = http.post("/v1/jobs?dry_run=true", json=job_on(dataset_id)).raise_for_status().json()
    assert plan["steps"] == 3
    assert http.delete(f"/v1/datasets/{dataset_id}").status_code == 204
