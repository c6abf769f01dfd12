"""The API behind a real uvicorn, in a thread of the benchmark."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn

from service.api import create_app
from service.db import Database
from service.settings import Settings


@contextmanager
def serving(settings: Settings, database: Database) -> Iterator[httpx.Client]:
    """A client of the API on this database."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    server = uvicorn.Server(uvicorn.Config(create_app(settings, database), log_config=None))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with httpx.Client(base_url=url, timeout=120) as http:
            http.get("/healthz").raise_for_status()  # it has started
            yield http
    finally:
        server.should_exit = True
        thread.join()


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on at the moment; `tests.servers`, which has one
    too, asks for more than the environments of other programs hold."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
