"""A server process that dies with the test run, whatever ends it."""

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class ServerFailed(Exception):
    """A server that should have started did not; the message holds its log."""


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def unprivileged_user() -> str | None:
    """Whom to start as a server that refuses to run as root; None where we are not root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody", "daemon") if name in known)


@contextmanager
def server_folder(kind: str, user: str | None) -> Iterator[Path]:
    """A private folder of this run under the temporary folder, with a short path (sockets allow
    about 100 characters). Also removes those of runs that were killed."""
    base = Path(tempfile.gettempdir())
    for old in base.glob("subgrad-test-*"):
        pid = old.name.split("-")[3]
        if pid.isdigit() and not _is_alive(int(pid)):
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"subgrad-test-{kind}-{os.getpid()}-", dir=base))
    if user is not None:
        shutil.chown(folder, user)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def run(command: Sequence[str | Path], *, folder: Path, user: str | None) -> None:
    """Runs a program to its end. Raises ServerFailed with its output where it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=_environment(),
        user=user,
        extra_groups=None if user is None else [],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ServerFailed(f"{command[0]} failed:\n{done.stdout}{done.stderr}")


class ServerProcess:
    """A running server. Its output goes to `log` in its folder."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        folder: Path,
        user: str | None,
        stop_signal: signal.Signals,
        death_signal: signal.Signals,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._stop_signal = stop_signal
        self._log = folder / "log"

        def die_with_parent() -> None:
            # In the child, after the change of user (which would reset it). Sent when pytest
            # dies, by kill -9 too.
            if _LIBC is not None:
                _LIBC.prctl(_PR_SET_PDEATHSIG, death_signal.value)

        with self._log.open("ab") as log:
            # A session of its own: Ctrl-C is for pytest, which then stops the server in order.
            self._process = subprocess.Popen(
                [str(part) for part in command],
                cwd=folder,
                env=_environment() | dict(environment or {}),
                user=user,
                extra_groups=None if user is None else [],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509  (no other threads yet)
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until(self, answers: Callable[[], bool], *, timeout_s: float = 30) -> None:
        """Returns once the server answers. Raises ServerFailed where it ends or takes too long."""
        deadline = time.monotonic() + timeout_s
        while not answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise ServerFailed(self._log.read_text(errors="replace")[-4000:])
            time.sleep(0.01)

    def stop(self, *, timeout_s: float = 20) -> None:
        """Ends the server in order, by force where it does not obey."""
        self._process.send_signal(self._stop_signal)
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def _environment() -> dict[str, str]:
    # Nothing of the developer's shell: PGPORT and the like change what these programs do.
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
