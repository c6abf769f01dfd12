"""The training process as its supervisor sees it: started clean, kept warm, killed if need be."""

import contextlib
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, cast

import structlog

from service.domain.states import Reason
from workers.inbox import Inbox
from workers.memory import MemoryKiller, resident_bytes
from workers.protocol import NOTICE, Command, Idle, Notice, Ready, Train

_log = structlog.get_logger(__name__)

_ALL = sys.maxsize


@dataclass(frozen=True, kw_only=True)
class Exited:
    """The training process ended, and its supervisor had not asked it to."""

    returncode: int
    ran_out_of_memory: bool
    """The kernel's memory killer was at work meanwhile."""

    @property
    def reason(self) -> Reason:
        return Reason.OUT_OF_MEMORY if self.ran_out_of_memory else Reason.WORKER_LOST

    @property
    def description(self) -> str:
        if self.ran_out_of_memory:
            return "The kernel killed the training process for its memory: use a smaller network."
        how = f"signal {-self.returncode}" if self.returncode < 0 else f"exit {self.returncode}"
        return f"The training process was lost ({how})."


class TrainingProcess:
    """One `python -m workers.trainer`, started anew rather than forked: a fork of a process that
    has used torch or CUDA hangs."""

    def __init__(
        self,
        *,
        options: Sequence[str],
        on_ready: Callable[[], None],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`options`: of `python -m workers.trainer`. `environment`: None is our own."""
        self.inbox: Inbox[Notice | Exited] = Inbox()
        self._on_ready = on_ready
        self._idle = threading.Event()
        self._idle.set()
        self._memory_killer = MemoryKiller()
        self._ready_bytes = 0
        process = subprocess.Popen(
            [sys.executable, "-m", "workers.trainer", *options],
            env=None if environment is None else dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            # Ctrl-C in a terminal goes to the whole group; this one stops when it is told to.
            start_new_session=True,
        )
        self._process = process
        # Both were asked for as pipes, so neither is None.
        self._stdin, self._stdout = cast(IO[str], process.stdin), cast(IO[str], process.stdout)
        self._commands: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._listen, name="notices", daemon=True).start()
        threading.Thread(target=self._speak, name="commands", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    @property
    def growth_bytes(self) -> int:
        """How much more memory it holds than when it had just started."""
        return max(0, resident_bytes(self.pid) - self._ready_bytes) if self._ready_bytes else 0

    def send(self, command: Command) -> None:
        """Has a command sent, and waits for nothing: a process that hangs reads none, and whoever
        oversees it must be there to kill it. One to a process that has ended is dropped: its end
        is on its way to the inbox."""
        if isinstance(command, Train):
            self._idle.clear()
        self._commands.put(command.model_dump_json() + "\n")

    def take(self, most: int, *, wait_s: float) -> "list[Notice | Exited]":
        """What has come in, or nothing after a short wait."""
        return self.inbox.take(most, wait_s=wait_s)

    def wait_for_idle(self) -> None:
        """Returns when the cohort is done and all that it told has been put into the inbox."""
        self._idle.wait()

    def wait_until_idle(self, timeout_s: float) -> bool:
        """Drops what is left in the inbox until the cohort is done. Returns whether the process
        got there in time."""
        deadline = time.monotonic() + timeout_s
        while self.is_alive and not self._idle.is_set() and time.monotonic() < deadline:
            self.inbox.take(_ALL, wait_s=0.02)
        while self.inbox.take(_ALL, wait_s=0.0):
            pass
        return self.is_alive and self._idle.is_set()

    def kill(self) -> None:
        """Ends the process at once and waits until it is gone."""
        self._process.kill()
        self._process.wait()

    def close(self, timeout_s: float = 3.0) -> None:
        """Lets the process end by closing its stdin, or kills it."""
        self._commands.put(None)
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def _speak(self) -> None:
        """Writes commands until there is None, then closes."""
        with contextlib.suppress(BrokenPipeError):
            while (line := self._commands.get()) is not None:
                self._stdin.write(line)
                self._stdin.flush()
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()

    def _listen(self) -> None:
        try:
            self._take_notices()
        except Exception:  # else its end would never be told, and its jobs be held for ever
            _log.exception("a training process that is not understood", pid=self.pid)
            self._process.kill()
        self._stdout.close()
        returncode = self._process.wait()
        self._commands.put(None)
        killed = returncode == -signal.SIGKILL and self._memory_killer.has_struck()
        self.inbox.put(Exited(returncode=returncode, ran_out_of_memory=killed), size=0)

    def _take_notices(self) -> None:
        for line in self._stdout:
            if not line.endswith("\n"):
                return  # it was killed in the middle of the line
            notice = NOTICE.validate_json(line)
            match notice:
                case Ready():
                    self._ready_bytes = resident_bytes(self.pid)
                    self._on_ready()
                case Idle():
                    self._idle.set()
                case _:
                    self.inbox.put(notice, size=len(line))
