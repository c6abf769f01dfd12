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
from workers.memory import MemoryKiller, resident_bytes
from workers.protocol import NOTICE, Command, Idle, Notice, Ready, Train

_log = structlog.get_logger(__name__)

# Notices that may wait for the recorder. A full queue stops the reader, then the pipe, then the
# training itself: a slow database slows training down instead of filling the memory.
_BACKLOG = 2000


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


Inbox = queue.Queue[Notice | Exited]


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
        self.inbox: Inbox = queue.Queue(_BACKLOG)
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
        threading.Thread(target=self._listen, name="notices", daemon=True).start()

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
        """Sends a command. One to a process that has just ended is dropped: its end is on its
        way to the inbox."""
        if isinstance(command, Train):
            self._idle.clear()
        try:
            self._stdin.write(command.model_dump_json() + "\n")
            self._stdin.flush()
        except (BrokenPipeError, ValueError):
            _log.info("training process is gone", pid=self.pid)

    def take(self, most: int, *, wait_s: float) -> "list[Notice | Exited]":
        """What has come in, or nothing after a short wait."""
        taken: list[Notice | Exited] = []
        with contextlib.suppress(queue.Empty):
            taken.append(self.inbox.get(timeout=wait_s))
            while len(taken) < most:
                taken.append(self.inbox.get_nowait())
        return taken

    def wait_for_idle(self) -> None:
        """Returns when the cohort is done and all that it told has been put into the inbox."""
        self._idle.wait()

    def wait_until_idle(self, timeout_s: float) -> bool:
        """Drops what is left in the inbox until the cohort is done. Returns whether the process
        got there in time."""
        deadline = time.monotonic() + timeout_s
        while self.is_alive and not self._idle.is_set() and time.monotonic() < deadline:
            self._drop_notices(wait_s=0.02)
        self._drop_notices(wait_s=0.0)
        return self.is_alive and self._idle.is_set()

    def _drop_notices(self, wait_s: float) -> None:
        with contextlib.suppress(queue.Empty):
            self.inbox.get(timeout=wait_s or None, block=bool(wait_s))
            while True:
                self.inbox.get_nowait()

    def kill(self) -> None:
        """Ends the process at once and waits until it is gone."""
        self._process.kill()
        self._process.wait()

    def close(self, timeout_s: float = 3.0) -> None:
        """Lets the process end by closing its stdin, or kills it."""
        try:
            self._stdin.close()
            self._process.wait(timeout_s)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self.kill()

    def _listen(self) -> None:
        for line in self._stdout:
            if not line.endswith("\n"):
                break  # killed in the middle of it: a checkpoint is a long one
            notice = NOTICE.validate_json(line)
            match notice:
                case Ready():
                    self._ready_bytes = resident_bytes(self.pid)
                    self._on_ready()
                case Idle():
                    self._idle.set()
                case _:
                    self.inbox.put(notice)
        self._stdout.close()
        returncode = self._process.wait()
        killed = returncode == -signal.SIGKILL and self._memory_killer.has_struck()
        self.inbox.put(Exited(returncode=returncode, ran_out_of_memory=killed))
