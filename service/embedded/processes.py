"""Starting, watching and stopping the processes of the service."""

import contextlib
import ctypes
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import structlog

_log = structlog.get_logger(__name__)

_STOP_WITHIN_S = 10.0
_RESTART_AFTER_S = 1.0
_SHORT_LIFE_S = 5.0
_SHORT_LIVES = 3


class ProcessKeepsDying(Exception):
    """A process ended right after each of several starts."""


@dataclass(kw_only=True)
class Service:
    """One `python -m MODULE` that is to run for as long as the launcher does."""

    name: str
    module: str
    log: Path | None = None
    """Where its output goes; None: to the launcher's."""
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    short_lives: int = field(default=0)

    def start(self, environment: dict[str, str]) -> None:
        self.started_at = time.monotonic()
        with self.log.open("ab") if self.log else contextlib.nullcontext() as output:
            self.process = self._popen(environment, output)

    def _popen(
        self, environment: dict[str, str], output: IO[bytes] | None
    ) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", self.module],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Ctrl-C reaches the launcher alone, which then stops the others in order.
            start_new_session=True,
            # Unsafe with threads; the launcher has none when it starts a process.
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
        )

    def restart_if_dead(self, environment: dict[str, str]) -> None:
        """Starts the process again where it has ended. Raises ProcessKeepsDying."""
        if self.process is None or self.process.poll() is None:
            return
        lived_s = time.monotonic() - self.started_at
        self.short_lives = self.short_lives + 1 if lived_s < _SHORT_LIFE_S else 0
        if self.short_lives >= _SHORT_LIVES:
            raise ProcessKeepsDying(f"{self.name} ended {_SHORT_LIVES} times right after its start")
        _log.warning("process ended, starting it again", process=self.name, rc=self.process.poll())
        time.sleep(_RESTART_AFTER_S)
        self.start(environment)


def stop_all(services: list[Service]) -> None:
    """Asks all to end, and kills what has not ended within the time."""
    running = [one.process for one in services if one.process and one.process.poll() is None]
    for process in running:
        process.terminate()
    deadline = time.monotonic() + _STOP_WITHIN_S
    for process in running:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _die_with_parent() -> None:
    """Even a launcher that is killed leaves nobody behind (Linux: PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
