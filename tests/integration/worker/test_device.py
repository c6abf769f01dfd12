"""Which slots a worker has, and what each has to itself. There is no GPU here: a program of the
name nvidia-smi tells of some."""

import os
from pathlib import Path

import psutil
import pytest

from service.settings import Settings
from tests.stack import Stack, digits_spec, wait_for
from workers.device import find_gpus, place

UUIDS = ["GPU-5a6b1c2d-0000-1111-2222-333344445555", "GPU-99999999-aaaa-bbbb-cccc-ddddeeeeffff"]
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


TELLS_THEM = "\n".join(["echo " + uuid for uuid in UUIDS])


def path_with_gpus(folder: Path, script: str = TELLS_THEM) -> str:
    """A PATH on which nvidia-smi is this script."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def test_each_gpu_is_a_slot_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", path_with_gpus(tmp_path))
    placements = place(Settings(worker_slots=7))
    assert [one.gpu for one in placements] == UUIDS
    assert [one.environment["CUDA_VISIBLE_DEVICES"] for one in placements] == UUIDS
    assert all("cuda" in one.devices for one in placements)


@pytest.mark.parametrize("slots", [1, 2, 64])
def test_slots_without_a_gpu_share_the_cores(slots: int) -> None:
    placements = place(Settings(gpus="none", worker_slots=slots))
    assert len(placements) == slots
    assert sum(one.threads for one in placements) <= max(CORES, slots)
    assert all(one.threads >= 1 for one in placements)
    assert all(one.environment == {"CUDA_VISIBLE_DEVICES": ""} for one in placements)
    assert all(one.devices == ("auto", "cpu") for one in placements)


def test_gpus_can_be_named_and_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", path_with_gpus(tmp_path))
    assert find_gpus("none") == []
    assert find_gpus(f"{UUIDS[1]}, {UUIDS[1]}") == [UUIDS[1]]


def test_a_driver_that_does_not_answer_is_no_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", path_with_gpus(tmp_path, "echo driver mismatch; exit 9"))
    assert find_gpus("auto") == []


def test_a_job_for_a_gpu_waits_for_a_worker_that_has_one(stack: Stack, tmp_path: Path) -> None:
    stack.start_all()
    posted = stack.http.post("/v1/jobs", json=digits_spec(device="cuda")).raise_for_status().json()
    assert [warning["code"] for warning in posted["warnings"]] == ["no_gpu"]
    assert stack.ended(stack.post(digits_spec()))["status"] == "succeeded"
    assert stack.job(posted["id"])["status"] == "queued"
    with_gpus = stack.start("workers", environment={"PATH": path_with_gpus(tmp_path)})
    # It gets the job, of which its training process says that PyTorch finds no GPU.
    job = stack.ended(posted["id"])
    assert (job["status"], job["reason"]) == ("failed", "internal")
    assert "finds no CUDA device" in job["detail"]
    later = stack.http.post("/v1/jobs", json=digits_spec(device="cuda")).raise_for_status().json()
    assert later["warnings"] == []
    shown = wait_for(
        lambda: [
            child.environ()["CUDA_VISIBLE_DEVICES"]
            for child in psutil.Process(with_gpus.pid).children()
        ],
        what="its training processes",
    )
    assert sorted(shown) == sorted(UUIDS)


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Which database it is does not matter here."""
    return sqlite_url
