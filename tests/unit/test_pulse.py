"""Signs of life, and the health check that reads them."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from service import pulse
from service.pulse import Pulse
from service.settings import Settings

Health = Callable[..., int]


@pytest.fixture
def health(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Health:
    """The health check's exit code. (As a process of its own: tests/deploy.)"""
    monkeypatch.setenv("SUBGRAD_HOME", str(tmp_path))

    def check(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["service.pulse", *arguments])
        code = pulse.main()
        assert bool(capsys.readouterr().err) == (code != 0)
        return code

    return check


def age(home: Path, seconds: float) -> None:
    for sign in (home / "pulse").iterdir():
        os.utime(sign, (time.time() - seconds,) * 2)


def test_what_never_ran_is_not_well(health: Health) -> None:
    assert health("worker") == 1
    assert health("worker", "alive") == 1


def test_what_turns_and_works_is_well(tmp_path: Path, health: Health) -> None:
    Pulse(Settings(home=tmp_path), "worker").beat(ready=True)
    assert health("worker") == 0
    assert health("worker", "alive") == 0
    assert health("dispatch") == 1


def test_what_turns_and_cannot_work_is_alive(tmp_path: Path, health: Health) -> None:
    Pulse(Settings(home=tmp_path), "worker").beat(ready=False)
    assert health("worker") == 1
    assert health("worker", "alive") == 0


def test_what_no_longer_turns_is_dead(tmp_path: Path, health: Health) -> None:
    Pulse(Settings(home=tmp_path), "worker").beat(ready=True)
    age(tmp_path, 31)
    assert health("worker") == 1
    assert health("worker", "alive") == 1


def test_a_beat_now_and_then_is_written(tmp_path: Path, health: Health) -> None:
    beating = Pulse(Settings(home=tmp_path), "worker")
    beating.beat(ready=True)
    age(tmp_path, 31)
    beating.beat(ready=True)  # at once: not worth a write
    assert health("worker") == 1


@pytest.mark.parametrize("arguments", [(), ("worker", "dead"), ("worker", "alive", "more")])
def test_anything_else_is_told_how(health: Health, arguments: tuple[str, ...]) -> None:
    assert health(*arguments) == 2


def test_a_home_that_cannot_be_written_is_no_reason_to_stop(tmp_path: Path, health: Health) -> None:
    (tmp_path / "pulse").write_text("in the way")
    Pulse(Settings(home=tmp_path), "worker").beat(ready=True)
    assert health("worker") == 1
