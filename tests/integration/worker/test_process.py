"""The training process by itself: back-pressure, its end, and what its memory tells."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.domain.events import EndEvent, EpochEvent
from service.domain.spec import JobSpec
from tests.stack import digits_spec, wait_for
from workers.lifecycle import Exited, TrainingProcess
from workers.memory import MemoryKiller, resident_bytes
from workers.protocol import Assignment, Notice, Train

EPOCHS = 3000


def test_a_reader_that_is_slow_stops_training_and_loses_nothing() -> None:
    process = TrainingProcess(options=["--threads=1"], on_ready=lambda: None)
    spec = JobSpec.model_validate(
        digits_spec(epochs=EPOCHS, batch_size=1400, network={"hidden": [2]})
    )
    process.send(Train(cohort="c", members=[Assignment(id="a", attempt=1, spec=spec)]))
    wait_for(process.inbox.full, what="the inbox is full")
    most = process.inbox.maxsize
    assert process.inbox.qsize() == most < EPOCHS
    told: list[Notice | Exited] = []
    while not any(isinstance(one, EndEvent) for one in told):
        told += process.take(most, wait_s=0.05)
        assert process.inbox.qsize() <= most
    process.close()
    epochs = [one.metrics.epoch for one in told if isinstance(one, EpochEvent)]
    assert epochs == list(range(EPOCHS + 1))


def test_a_command_that_it_does_not_understand_ends_the_process() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "workers.trainer", "--threads", "1"],
        input="what?\n",
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode is not None


def test_a_process_knows_how_much_memory_another_holds() -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux tells")
    before = resident_bytes(os.getpid())
    block = b"x" * (64 << 20)
    assert resident_bytes(os.getpid()) - before > 48 << 20
    assert len(block)
    assert resident_bytes(2**30) == 0


def test_the_memory_killer_is_seen_by_its_counter(tmp_path: Path) -> None:
    counter = tmp_path / "memory.events"
    counter.write_text("low 0\nhigh 0\nmax 12\noom 3\noom_kill 3\noom_group_kill 0\n")
    killer = MemoryKiller((tmp_path / "not there", counter))
    assert not killer.has_struck()
    counter.write_text("low 0\nhigh 0\nmax 19\noom 4\noom_kill 4\noom_group_kill 0\n")
    assert killer.has_struck()


def test_an_exit_tells_why() -> None:
    assert "signal 11" in Exited(returncode=-11, ran_out_of_memory=False).description
    assert Exited(returncode=-9, ran_out_of_memory=True).reason == "out_of_memory"
    assert Exited(returncode=-9, ran_out_of_memory=False).reason == "worker_lost"
