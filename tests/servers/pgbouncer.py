"""A private PgBouncer in transaction mode, where the system has one."""

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tests.servers.process import ServerProcess, free_port, server_folder, unprivileged_user

_CONFIGURATION = """\
[databases]
* = host={host} port={port} user={user}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {pool_size}
max_client_conn = 500
"""


def system_pgbouncer() -> Path | None:
    """The system's program; Debian's is not on everybody's PATH."""
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    return Path(found) if found else None


class PgBouncer:
    """One pooler before a PostgreSQL that trusts everybody. Can be killed and started again."""

    def __init__(self, program: Path, folder: Path, user: str | None) -> None:
        self._program, self._folder, self._user = program, folder, user
        self._process: ServerProcess | None = None
        self.port = free_port()

    @classmethod
    @contextmanager
    def before(cls, postgres_url: str, *, program: Path, pool_size: int) -> Iterator["PgBouncer"]:
        """A pooler that keeps so many connections to each database of the server."""
        user, server = unprivileged_user(), urlsplit(postgres_url)
        with server_folder("pgbouncer", user) as folder:
            pooler = cls(program, folder, user)
            text = _CONFIGURATION.format(
                host=server.hostname,
                port=server.port,
                user=server.username,
                own_port=pooler.port,
                pool_size=pool_size,
            )
            (folder / "pgbouncer.ini").write_text(text)
            try:
                pooler.start()
                yield pooler
            finally:
                pooler.kill()

    def url_of(self, postgres_url: str) -> str:
        """The way to that database through the pooler."""
        return urlsplit(postgres_url)._replace(netloc=f"subgrad@127.0.0.1:{self.port}").geturl()

    def start(self) -> None:
        """Starts on the port that it had before."""
        self._process = ServerProcess(
            [self._program, "pgbouncer.ini"],
            folder=self._folder,
            user=self._user,
            stop_signal=signal.SIGTERM,
            death_signal=signal.SIGKILL,
        )
        self._process.wait_until(lambda: bool(self._answer("SHOW VERSION")))

    def kill(self) -> None:
        """Ends without saying goodbye, and with it every connection on both sides."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def pools(self) -> list[dict[str, object]]:
        """What it says of its pools at the moment."""
        return self._answer("SHOW POOLS")

    def _answer(self, question: str) -> list[dict[str, object]]:
        url = f"postgresql://subgrad@127.0.0.1:{self.port}/pgbouncer"
        try:
            with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
                cursor = psycopg.ClientCursor(connection)
                cursor.execute(question)
                names = [column.name for column in cursor.description or ()]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        except psycopg.OperationalError:
            return []
