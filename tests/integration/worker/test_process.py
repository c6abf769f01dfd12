"""The training process by itself: back-pressure, its end, and what its memory tells."""

import fcntl
import os
import select
import signal
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import pytest

from service.domain.events import EndEvent, EpochEvent
from service.domain.spec import JobSpec
from tests.stack import digits_spec, wait_for
from workers.lifecycle import Exited, TrainingProcess
from workers.memory import MemoryKiller, resident_bytes
from workers.protocol import Assignment, Notice, Saved, Stop, Train

EPOCHS = 3000


def test_a_reader_that_is_slow_stops_training_and_loses_nothing() -> None:
    process = TrainingProcess(options=["--threads=1"], on_ready=lambda: None)
    spec = JobSpec.model_validate(
        digits_spec(epochs=EPOCHS, batch_size=1400, network={"hidden": [2]})
    )
    process.send(Train(cohort="c", members=[Assignment(id="a", attempt=1, spec=spec)]))
    wait_for(lambda: process.inbox.is_full, what="the inbox is full", timeout_s=180)
    most = process.inbox.most
    assert len(process.inbox) == most < EPOCHS
    told: list[Notice | Exited] = []
    while not any(isinstance(one, EndEvent) for one in told):
        told += process.take(most, wait_s=0.05)
        assert len(process.inbox) <= most
    process.close()
    epochs = [one.metrics.epoch for one in told if isinstance(one, EpochEvent)]
    assert epochs == list(range(EPOCHS + 1))


def test_the_end_of_a_process_that_is_killed_in_the_middle_of_a_line_is_told() -> None:
    process = TrainingProcess(options=["--threads=1"], on_ready=lambda: None)
    process.inbox.most = 2
    layers = [2] * 20
    spec = JobSpec.model_validate(
        digits_spec(epochs=EPOCHS, batch_size=1400, network={"hidden": layers})
    )
    process.send(Train(cohort="c", members=[Assignment(id="a", attempt=1, spec=spec)]))
    # The inbox is full, and then the pipe: what does not fit into it waits in the middle of a line.
    wait_for(lambda: _is_full(process._stdout.fileno()), what="the pipe is full", timeout_s=180)
    process.kill()
    told: list[Notice | Exited] = []

    def ended() -> bool:
        told.extend(process.take(1000, wait_s=0.05))
        return isinstance(told[-1], Exited)

    wait_for(ended, what="its end is told")
    process.close()
    epochs = [one for one in told if isinstance(one, EpochEvent)]
    # A write of more than this is cut where the pipe ends.
    assert min(len(one.model_dump_json()) for one in epochs) > select.PIPE_BUF
    assert [one.metrics.epoch for one in epochs] == list(range(len(epochs)))


def test_who_sends_does_not_wait_for_a_process_that_hangs() -> None:
    ready = threading.Event()
    process = TrainingProcess(options=["--threads=1"], on_ready=ready.set)
    assert ready.wait(60)
    os.kill(process.pid, signal.SIGSTOP)
    spec = JobSpec.model_validate(digits_spec())
    large = Assignment(id="a", attempt=1, spec=spec, checkpoint=bytes(8 << 20))  # no pipe holds it

    def send() -> None:
        process.send(Train(cohort="c", members=[large]))
        process.send(Stop(member=None))

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    sender.join(10)
    assert not sender.is_alive()
    process.kill()
    (exited,) = process.take(1, wait_s=10)
    assert isinstance(exited, Exited)
    process.send(Stop(member=None))  # is dropped
    process.close()


def test_large_notices_are_counted_by_their_bytes() -> None:
    """A checkpoint an epoch, of some 400 kB each: far fewer than an inbox holds of epochs."""
    process = TrainingProcess(options=["--threads=1", "--checkpoint-s=1e-9"], on_ready=lambda: None)
    process.inbox.most_bytes = 4 << 20
    spec = JobSpec.model_validate(
        digits_spec(epochs=200, batch_size=1400, network={"hidden": [256, 256]})
    )
    process.send(Train(cohort="c", members=[Assignment(id="a", attempt=1, spec=spec)]))
    wait_for(lambda: _is_full(process._stdout.fileno()), what="the pipe is full", timeout_s=180)
    assert 2 << 20 < process.inbox.size <= process.inbox.most_bytes
    assert len(process.inbox) < 100
    told: list[Notice | Exited] = []
    while not any(isinstance(one, EndEvent) for one in told):
        taken = process.take(500, wait_s=0.05)
        told += taken
        saved = [len(one.payload) for one in taken if isinstance(one, Saved)]
        assert sum(saved) <= process.inbox.most_bytes
    process.close()
    epochs = [one.metrics.epoch for one in told if isinstance(one, EpochEvent)]
    assert epochs == list(range(201))


def _is_full(pipe: int) -> bool:
    """Whether no more comes. (Not each of its pages need be filled to the last byte.)"""
    before = _bytes_in(pipe)
    time.sleep(0.5)
    return _bytes_in(pipe) == before > fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ) // 2


def _bytes_in(pipe: int) -> int:
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4), sys.byteorder)


def test_a_process_that_is_not_understood_is_ended_and_told() -> None:
    process = TrainingProcess(options=["--help"], on_ready=lambda: None)
    wait_for(lambda: len(process.inbox), what="its end is told")
    process.close()
    (exited,) = process.inbox.take(1, wait_s=0)
    assert isinstance(exited, Exited)


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
