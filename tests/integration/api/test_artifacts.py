"""Uploads and weights over HTTP where their bytes lie in an object store."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from service.artifacts import Store, put, sweep_all
from service.db import Database, checkpoints, datasets
from service.domain.artifacts import Artifact, Content
from tests.integration.api.problems import problem
from tests.integration.api.test_datasets import job_on, of_numbers, upload
from tests.integration.db.record import finish, rows, running


class Files:
    """A store in files, and the service's only way to it."""

    def __init__(self, app: FastAPI, folder: Path) -> None:
        self.folder = folder
        self.store = Store(f"file://{folder}")
        self._app = app
        self.switch_on()

    def switch_on(self) -> None:
        self._app.state.store = self.store

    def switch_off(self) -> None:
        self._app.state.store = Store("")

    def lose(self) -> None:
        """A file stands where the folder would: nothing can be read or written."""
        self._app.state.store = Store(f"file://{self.folder.parent}/file/objects")
        (self.folder.parent / "file").write_bytes(b"")

    @property
    def all(self) -> list[Path]:
        return sorted(one for one in self.folder.rglob("*") if one.is_file())


@pytest.fixture
def files(app: FastAPI, tmp_path: Path) -> Files:
    return Files(app, tmp_path / "objects")


def content(database: Database, dataset_id: str) -> Content:
    with database.reading() as session:
        return datasets.read_content(session, dataset_id)


def test_an_upload_lies_in_the_store_once_and_goes_with_its_row(
    http: httpx.Client, database: Database, files: Files
) -> None:
    made = upload(http)
    dataset_id = made.json()["id"]
    assert made.status_code == 201
    assert upload(http).status_code == 200
    (file,) = files.all
    assert file.parent.name == dataset_id
    assert made.json()["stored_bytes"] == file.stat().st_size
    assert rows(database, "SELECT length(content) FROM datasets") == [(0,)]
    assert http.delete(f"/v1/datasets/{dataset_id}").status_code == 204
    assert sweep_all(database, files.store) == 1
    assert files.all == []


def test_uploads_from_before_and_after_the_switch_live_side_by_side(
    http: httpx.Client, database: Database, files: Files
) -> None:
    files.switch_off()
    before = upload(http, of_numbers(1)).json()["id"]
    files.switch_on()
    after = upload(http, of_numbers(2)).json()["id"]
    assert upload(http, of_numbers(1)).status_code == 200
    files.switch_off()
    assert upload(http, of_numbers(2)).status_code == 200
    kinds = {one: type(content(database, one)) for one in (before, after)}
    assert kinds == {before: bytes, after: Artifact}
    assert len(files.all) == 1


def test_an_upload_that_the_store_does_not_take_is_told_to_come_again(
    http: httpx.Client, database: Database, files: Files
) -> None:
    files.lose()
    answer = upload(http)
    problem(answer, "artifacts_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert rows(database, "SELECT id FROM datasets") == []
    assert str(files.folder) not in answer.text


def test_a_preview_is_read_from_the_store(
    http: httpx.Client, database: Database, files: Files
) -> None:
    path = f"/v1/datasets/{upload(http).json()['id']}"
    assert http.get(f"{path}/preview").json()["rows"][0] == [5.1, 3.5, "a"]
    (file,) = files.all
    file.unlink()
    told = problem(http.get(f"{path}/preview"), "artifact_lost")
    assert str(files.folder) not in str(told)
    # What is known of the data set stands in the database.
    assert http.get(path).json()["examples"] == 3


def spoil(file: Path) -> None:
    file.write_bytes(b"spoilt")


@pytest.mark.parametrize("harm", [Path.unlink, spoil])
def test_a_lost_upload_is_mended_by_uploading_it_again(
    http: httpx.Client, database: Database, files: Files, harm: Callable[[Path], None]
) -> None:
    dataset_id = upload(http).json()["id"]
    (file,) = files.all
    whole = file.read_bytes()
    harm(file)
    assert upload(http).status_code == 200
    mended = content(database, dataset_id)
    assert isinstance(mended, Artifact)
    assert files.store.read(mended) == whole
    sweep_all(database, files.store)
    assert [one.read_bytes() for one in files.all] == [whole]
    assert http.post("/v1/jobs", json=job_on(dataset_id)).status_code == 202


def ended_with_weights(database: Database, store: Store) -> tuple[str, Artifact]:
    job_id, held = running(database)
    made = put(database, store, {f"weights/{job_id}": b"final"})[f"weights/{job_id}"]
    with database.writing() as session:
        checkpoints.keep_weights(session, held, {job_id: made})
    finish(database, held)
    return job_id, made


def test_weights_are_read_from_the_store_even_when_new_ones_do_not_go_there(
    http: httpx.Client, database: Database, files: Files
) -> None:
    job_id, _ = ended_with_weights(database, files.store)
    for switch in (files.switch_on, files.switch_off):
        switch()
        assert http.get(f"/v1/jobs/{job_id}/weights").content == b"final"


def test_lost_weights_are_told_as_lost_and_nothing_else(
    http: httpx.Client, database: Database, files: Files
) -> None:
    job_id, _ = ended_with_weights(database, files.store)
    (file,) = files.all
    for content in (b"fina1", None):
        file.write_bytes(content) if content else file.unlink()
        told = problem(http.get(f"/v1/jobs/{job_id}/weights"), "artifact_lost")
        assert str(files.folder) not in str(told)


def test_weights_in_a_store_that_is_away_are_told_to_be_asked_for_again(
    http: httpx.Client, database: Database, files: Files
) -> None:
    job_id, made = ended_with_weights(database, files.store)
    blocked = files.folder.parent / "blocked"
    blocked.write_bytes(b"")
    with database.write_connection() as connection:
        connection.exec_driver_sql(
            f"UPDATE artifacts SET url = 'file://{blocked}/{made.sha256}'"  # noqa: S608
        )
    answer = http.get(f"/v1/jobs/{job_id}/weights")
    problem(answer, "artifacts_unavailable")
    assert answer.headers["retry-after"] == "5"
