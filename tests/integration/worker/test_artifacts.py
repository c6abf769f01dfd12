"""The whole service with an object store: what trains, ends and is interrupted lies there, and the
numbers know nothing of it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from service.artifacts import Store, sweep_all
from service.db import Database
from service.settings import Settings
from tests.integration.worker.checking import read
from tests.integration.worker.test_datasets import ROWS
from tests.servers import S3
from tests.stack import Stack, digits_spec, slow_spec, wait_for

CSV = "x0,x1,y\n" + "".join(f"{a},{b},{label}\n" for a, b, label in ROWS)
OFTEN_S = 0.05


@pytest.fixture
def database_url(postgresql_url: str) -> str:
    """In SQL both are tested: tests/integration/db/test_artifacts.py."""
    return postgresql_url


@pytest.fixture
def stored(tmp_path: Path, database_url: str, broker_url: str, s3: S3) -> Iterator[Stack]:
    """On the store, with a checkpoint at nearly every epoch."""
    stack = Stack(
        Settings(
            home=tmp_path,
            database_url=database_url,
            broker_url=broker_url,
            artifacts_url=s3.url,
            checkpoint_s=OFTEN_S,
        )
    )
    yield stack
    stack.close()


def upload(stack: Stack) -> str:
    made = stack.http.post(
        "/v1/datasets",
        content=CSV,
        params={"task": "classification", "target": "y"},
        headers={"Content-Type": "text/csv"},
    )
    dataset_id: str = made.raise_for_status().json()["id"]
    return dataset_id


def named(stack: Stack, by: str, key: str) -> str | None:
    """The object that the row has."""
    found = read(stack, f"SELECT url FROM artifacts WHERE {by} = '{key}'")  # noqa: S608
    return found[0][0] if found else None


def kill_trainers(worker: "subprocess.Popen[bytes]") -> None:
    for trainer in psutil.Process(worker.pid).children():
        trainer.kill()


def without_store(stack: Stack) -> None:
    """A new worker that keeps everything in the database."""
    stack.stop("workers")
    stack.settings = stack.settings.model_copy(update={"artifacts_url": ""})
    stack.start("workers")


def sweep(stack: Stack, s3: S3) -> None:
    """What dispatch does every few seconds."""
    database = Database(stack.settings.resolved_database_url)
    sweep_all(database, Store(s3.url))
    database.dispose()


def test_an_upload_is_trained_on_and_its_weights_are_those_of_a_service_without_a_store(
    stored: Stack, s3: S3
) -> None:
    stored.start_all()
    dataset_id = upload(stored)
    spec = digits_spec(dataset={"name": "upload", "dataset_id": dataset_id})
    there = stored.ended(stored.post(spec))["id"]
    assert named(stored, "weights_of", there) in s3.urls()
    assert named(stored, "dataset_id", dataset_id) in s3.urls()
    empty = "SELECT length(payload) FROM weights"
    assert read(stored, empty) == [(0,)]
    without_store(stored)
    # The file that the first worker made of the upload is gone: it comes from the store again.
    (stored.settings.data_home / "uploads" / dataset_id).unlink()
    here = stored.ended(stored.post(spec))["id"]
    assert named(stored, "weights_of", here) is None
    assert stored.weights(there) == stored.weights(here)
    assert stored.epochs(there) == stored.epochs(here)


def test_a_killed_training_goes_on_from_a_checkpoint_in_the_store_to_the_same_bits(
    stored: Stack, s3: S3
) -> None:
    worker = stored.start_all()
    job_id = stored.post(slow_spec())
    stored.wait_for_epoch(job_id, 5)
    wait_for(lambda: named(stored, "checkpoint_of", job_id), what="a checkpoint is in the store")
    before = stored.seconds(job_id)
    kill_trainers(worker)
    job, undisturbed = stored.ended(job_id), stored.ended(stored.post(slow_spec()))["id"]
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    assert stored.seconds(job_id)[:3] == before[:3]  # these were not trained again
    assert stored.epochs(job_id) == stored.epochs(undisturbed)
    assert stored.layers(job_id) == stored.layers(undisturbed)
    assert stored.weights(job_id) == stored.weights(undisturbed)
    ends = sorted(str(named(stored, "weights_of", one)) for one in (job_id, undisturbed))
    # Dispatch removes the checkpoints by itself: some before this, the last ones soon.
    wait_for(lambda: s3.urls() == ends, what="nothing but the weights is left in the store")
    assert stored.http.delete(f"/v1/jobs/{job_id}").status_code == 204
    sweep(stored, s3)
    assert s3.urls() == [named(stored, "weights_of", undisturbed)]


def test_a_lost_checkpoint_costs_time_and_no_number(stored: Stack, s3: S3) -> None:
    stored.start_all()
    job_id = stored.post(slow_spec())
    stored.wait_for_epoch(job_id, 3)
    stored.stop("workers")
    before = stored.seconds(job_id)
    s3.overwrite(str(named(stored, "checkpoint_of", job_id)), b"rubbish")
    stored.start("workers")
    job, undisturbed = stored.ended(job_id), stored.ended(stored.post(slow_spec()))["id"]
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    assert stored.seconds(job_id)[0] != before[0]  # it was trained again from the start
    assert stored.epochs(job_id) == stored.epochs(undisturbed)
    assert stored.weights(job_id) == stored.weights(undisturbed)


def test_a_job_that_ends_while_the_store_is_away_has_its_weights_all_the_same(
    stored: Stack, s3: S3
) -> None:
    stored.start_all()
    job_id = stored.post(slow_spec())
    stored.wait_for_epoch(job_id, 2)
    s3.cut()
    refused = stored.http.post(
        "/v1/datasets",
        content=CSV,
        params={"task": "classification", "target": "y"},
        headers={"Content-Type": "text/csv"},
    )
    job = stored.ended(job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 1)
    weights = stored.weights(job_id)  # from the database
    s3.mend()
    assert (refused.status_code, refused.json()["code"]) == (503, "artifacts_unavailable")
    assert named(stored, "weights_of", job_id) is None
    without_store(stored)
    undisturbed = stored.ended(stored.post(slow_spec()))["id"]
    assert weights == stored.weights(undisturbed)
    assert stored.epochs(job_id) == stored.epochs(undisturbed)


def test_a_job_whose_data_are_in_a_store_that_is_away_waits_for_it(stored: Stack, s3: S3) -> None:
    stored.start_all()
    dataset_id = upload(stored)
    s3.cut()
    job_id = stored.post(digits_spec(dataset={"name": "upload", "dataset_id": dataset_id}))
    wait_for(
        lambda: stored.job(job_id)["attempt"] >= 2, what="the job is handed back", timeout_s=120
    )
    s3.mend()
    assert stored.ended(job_id)["status"] == "succeeded"


def test_a_job_whose_data_are_lost_fails_and_succeeds_when_they_are_uploaded_again(
    stored: Stack, s3: S3
) -> None:
    stored.start_all()
    dataset_id = upload(stored)
    s3.delete(str(named(stored, "dataset_id", dataset_id)))
    job_id = stored.post(digits_spec(dataset={"name": "upload", "dataset_id": dataset_id}))
    job = stored.ended(job_id)
    assert (job["status"], job["reason"]) == ("failed", "invalid_data")
    assert "Upload the same data again" in job["detail"]
    assert upload(stored) == dataset_id
    stored.http.post(f"/v1/jobs/{job_id}/retry").raise_for_status()
    assert stored.ended(job_id)["status"] == "succeeded"


def test_a_stopping_worker_leaves_its_checkpoint_with_a_store_that_never_answers(
    stored: Stack, s3: S3
) -> None:
    worker = stored.start_all()
    job_id = stored.post(slow_spec(epochs=300))
    stored.wait_for_epoch(job_id, 2)
    with s3.frozen():
        worker.terminate()
        assert worker.wait(10) == 0
    told = stored.seconds(job_id)
    assert stored.job(job_id)["status"] == "queued"
    stored.start("workers")
    assert stored.ended(job_id)["status"] == "succeeded"
    assert stored.seconds(job_id)[:2] == told[:2]
