"""A process that hangs, told from one that works and from one that is heard of."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.stack import wait_for
from workers.silence import Silence, processor_seconds


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def running() -> Iterator["Running"]:
    processes = Running()
    yield processes
    processes.end()


class Running:
    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, code: str) -> int:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        self._processes.append(process)
        assert process.stdout
        process.stdout.readline()  # it has loaded what it needs
        return process.pid

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
            assert process.stdout
            process.stdout.close()


SLEEPS = "import time; print(flush=True); time.sleep(600)"
WORKS = "print(flush=True)\nwhile True: pass"


def looks(silence: Silence, clock: Clock, seconds: float) -> list[bool]:
    seen = []
    for _ in range(int(seconds * 10)):
        clock.now += 0.1
        seen.append(silence.is_too_long())
    return seen


def test_a_process_that_does_nothing_is_too_silent(running: Running, clock: Clock) -> None:
    silence = Silence(running.start(SLEEPS), 10.0, clock=clock)
    seen = looks(silence, clock, 20)
    # A second to look for the first time, ten of silence.
    assert seen.index(True) in range(100, 125)


def test_one_that_is_heard_of_is_not(running: Running, clock: Clock) -> None:
    silence = Silence(running.start(SLEEPS), 10.0, clock=clock)
    for _ in range(5):
        assert not any(looks(silence, clock, 9))
        silence.restart()


def test_one_that_works_without_a_word_is_not(running: Running, clock: Clock) -> None:
    pid = running.start(WORKS)
    silence = Silence(pid, 10.0, clock=clock)
    for _ in range(5):
        before = processor_seconds(pid) or 0.0
        wait_for(lambda: (processor_seconds(pid) or 0.0) > before + 0.1, what="it works")  # noqa: B023
        assert not any(looks(silence, clock, 9))


def test_0_seconds_are_any_time(running: Running, clock: Clock) -> None:
    silence = Silence(running.start(SLEEPS), 0.0, clock=clock)
    assert not any(looks(silence, clock, 1000))


def test_nobody_can_say_of_a_process_that_is_gone(running: Running, clock: Clock) -> None:
    pid = running.start(SLEEPS)
    running.end()
    assert processor_seconds(pid) is None
    assert not any(looks(Silence(pid, 1.0, clock=clock), clock, 100))


def test_a_name_with_parentheses_is_read_over(running: Running) -> None:
    name = "open('/proc/self/comm', 'w').write('a) S 1 (b'); "
    assert processor_seconds(running.start(name + SLEEPS)) is not None
