"""A private RabbitMQ, where the system has one."""

import contextlib
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kombu import Connection  # type: ignore[attr-defined]

from tests.servers.process import ServerProcess, free_port, server_folder


def system_rabbitmq() -> Path | None:
    """The system's server program. Debian's own is a script that insists on a user and folders of
    its own, so this is the one behind it."""
    behind = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    if behind.exists():
        return behind
    found = shutil.which("rabbitmq-server")
    return Path(found) if found else None


class RabbitMQ:
    """One server with its own data folder. Can be killed and started again: what was durable and
    meant to be kept is then still there."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program, self._folder = program, folder
        self._process: ServerProcess | None = None
        self.port, self._distribution_port, self._names_port = (free_port() for _ in range(3))

    @classmethod
    @contextmanager
    def running(cls, program: Path) -> Iterator["RabbitMQ"]:
        """A fresh server, gone with everything in it when the block ends."""
        with server_folder("rabbit", None) as folder:
            server = cls(program, folder)
            try:
                server.start()
                yield server
            finally:
                server.kill()
                server._forget_names()

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def start(self) -> None:
        """Starts on the port that it had before."""
        environment = {
            "HOME": str(self._folder),
            # So it is one process, and not a script that waits for one.
            "RUNNING_UNDER_SYSTEMD": "true",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._names_port),
            "RABBITMQ_NODENAME": f"subgrad{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": str(self._folder / "data"),
            "RABBITMQ_LOG_BASE": str(self._folder / "logs"),
            "RABBITMQ_PID_FILE": str(self._folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "plugins"),
        }
        self._process = ServerProcess(
            [self._program],
            folder=self._folder,
            user=None,
            stop_signal=signal.SIGTERM,
            death_signal=signal.SIGKILL,
            environment=environment,
        )
        # Some ten seconds of work for a processor, which others may use as well.
        self._process.wait_until(self._answers, timeout_s=300)

    def kill(self) -> None:
        """Ends without saying goodbye."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def _forget_names(self) -> None:
        """Ends the server of names that Erlang started, which would outlive it."""
        address = ("127.0.0.1", self._names_port)
        with contextlib.suppress(OSError), socket.create_connection(address, timeout=5) as names:
            names.sendall(b"\x00\x01k")  # its own word for "end", see erl_dist_protocol

    def _answers(self) -> bool:
        try:
            with Connection(  # type: ignore[no-untyped-call]
                self.url, connect_timeout=2
            ) as connection:
                connection.connect()
        except OSError:
            return False
        return True
