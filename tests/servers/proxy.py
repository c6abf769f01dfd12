"""A way to a server that can go silent on those who wait for messages, and on them alone."""

import contextlib
import socket
import threading
from collections.abc import Iterator


class Proxy:
    """Passes on what goes to and comes from a port of this machine. Once `deafen` was called,
    whoever asks for messages (BRPOP) never gets an answer; all others do."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._is_deafening = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @classmethod
    @contextlib.contextmanager
    def before(cls, port: int) -> Iterator["Proxy"]:
        proxy = cls(port)
        yield proxy
        proxy._listening.close()

    def deafen(self) -> None:
        self._is_deafening.set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                waits = threading.Event()
                for pair in ((client, server, waits, True), (server, client, waits, False)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(
        self, source: socket.socket, sink: socket.socket, waits: threading.Event, asks: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if asks and b"BRPOP" in data:
                    waits.set()
                if asks or not (waits.is_set() and self._is_deafening.is_set()):
                    sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
