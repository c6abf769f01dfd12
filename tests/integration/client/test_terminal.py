"""The command line as a person at a terminal sees it."""

import json
import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from service.client import Subgrad
from service.domain.job import Job
from tests.integration.client.commanded import LONG, SPEC
from tests.integration.client.commands import PROGRAM, CommandLine
from tests.integration.client.scripted import Answer, Scripted
from tests.specs import SMALL


def on_a_terminal(run: CommandLine, *arguments: str) -> tuple[int, str]:
    """Exit code, and what a terminal of 80 columns was sent."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, *arguments],
        env=run.environment | {"TERM": "xterm", "COLUMNS": "80"},
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    sent = b""
    while chunk := _read(ours):
        sent += chunk
    os.close(ours)
    return process.wait(60), sent.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that the other end was closed
        return b""


def test_a_terminal_sees_bars_and_sparklines(run: CommandLine, trained: Job) -> None:
    code, sent = on_a_terminal(run, "watch", trained.id)
    assert code == 0
    assert "epoch 3 of 3" in sent
    assert "train_loss" in sent
    assert "█" in sent
    assert "━" in sent


def test_a_terminal_sees_the_bar_of_a_sweep(run: CommandLine, client: Subgrad) -> None:
    sweep = client.sweeps.create({"base": SMALL, "axes": {"seed": {"range": 2}}})
    code, sent = on_a_terminal(run, "watch", sweep.id)
    assert code == 0
    assert "2 succeeded" in sent
    assert "━" in sent


@pytest.fixture
def _heeded_interrupts() -> Iterator[None]:
    """Whoever runs the tests in the background of a shell has them ignore Ctrl-C, and so would each
    process that they start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_heeded_interrupts")
def test_ctrl_c_leaves_the_job_alone(run: CommandLine, client: Subgrad) -> None:
    job = client.jobs.create(LONG)
    with subprocess.Popen(
        [*PROGRAM, "watch", job.id],
        env=run.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        # Python drops an interrupt that arrives within a finalizer; a person presses again.
        for _ in range(6):
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
                break
        assert process.wait(1) == 130
        assert "goes on" in process.stderr.read()
    assert not client.jobs.get(job.id).is_terminal
    client.jobs.cancel(job.id)


def test_a_long_wait_of_the_queue_is_told(run: CommandLine) -> None:
    body: dict[str, Any] = {"title": "Too many jobs wait already", "code": "queue_full"}
    full = Answer(status=429, headers={"Retry-After": "90"}, body=json.dumps(body).encode())
    with Scripted(full).running() as server:
        done = run("submit", "-", "--url", server.url, stdin=SPEC)
    assert done.code == 4
    assert "Try again in 90 s." in done.errors
