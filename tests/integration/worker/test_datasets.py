"""Data sets from elsewhere, through the real path."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.openml import PublishedSet
from tests.specs import SMALL
from tests.stack import Stack, digits_spec

ROWS = [(i % 7, (i * i) % 5, "b" if i % 7 > 3 else "a") for i in range(70)]
FETCHED = PublishedSet(name="fetched", rows=ROWS, labels=["a", "b"])
NOWHERE = {"https_proxy": "http://127.0.0.1:9"}
"""Nobody listens there: to the process there is no network."""


def test_a_set_of_openml_is_trained_on_and_an_untrue_declaration_fails_the_job(
    stack: Stack,
) -> None:
    FETCHED.put_into(stack.settings.data_home)
    stack.start("service.api")
    stack.start("service.dispatch")
    stack.start("workers", environment=NOWHERE)
    stack.wait_until_ready()
    spec = digits_spec(dataset=FETCHED.spec)
    good = stack.post(spec)
    untrue = stack.post(spec | {"dataset": FETCHED.spec | {"examples": 71}})
    absent = stack.post(spec | {"dataset": FETCHED.spec | {"openml_name": "absent"}})
    job = stack.ended(good)
    assert (job["status"], job["outcome"]) == ("succeeded", "completed")
    assert stack.epochs(good)["train_loss"][-1] < stack.epochs(good)["train_loss"][0]
    for job_id, detail in ((untrue, "has examples 70"), (absent, "cannot be reached")):
        job = stack.ended(job_id)
        assert (job["status"], job["reason"]) == ("failed", "invalid_data")
        assert detail in job["detail"]


def test_an_uploaded_set_is_trained_on_again_after_its_file_is_lost_or_spoilt(stack: Stack) -> None:
    stack.start_all()
    text = "x0,x1,y\n" + "".join(f"{a},{b},{label}\n" for a, b, label in ROWS)
    made = stack.http.post(
        "/v1/datasets",
        content=text,
        params={"task": "classification", "target": "y"},
        headers={"Content-Type": "text/csv"},
    )
    dataset_id = made.raise_for_status().json()["id"]
    spec = digits_spec(dataset={"name": "upload", "dataset_id": dataset_id})
    first = stack.ended(stack.post(spec))
    assert (first["status"], first["outcome"]) == ("succeeded", "completed")
    series = stack.epochs(first["id"])
    assert series["train_loss"][-1] < series["train_loss"][0]
    file = stack.settings.data_home / "uploads" / dataset_id
    whole = file.read_bytes()
    for spoil in (file.unlink, lambda: file.write_bytes(whole[:-8])):
        spoil()
        assert stack.epochs(stack.ended(stack.post(spec))["id"]) == series
        assert file.read_bytes() == whole
    assert [one.name for one in file.parent.iterdir()] == [dataset_id]


@pytest.mark.parametrize(("is_there", "status"), [(True, 0), (False, 1)])
def test_training_alone_takes_a_folder_of_data_sets(
    tmp_path: Path, is_there: bool, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(*next(iter(NOWHERE.items())))
    if is_there:
        FETCHED.put_into(tmp_path)
    spec = SMALL | {"dataset": FETCHED.spec, "loss": {"name": "cross_entropy"}}
    done = subprocess.run(
        [sys.executable, "-m", "workers.training", "--data-home", str(tmp_path), "-"],
        input=json.dumps(spec),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (status, "")
    assert json.loads(done.stdout.splitlines()[-1])["kind"] == ("end" if is_there else "failed")
