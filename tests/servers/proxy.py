"""A way to a server that can go silent on those who wait for messages, and on them alone; or that
can be cut and mended."""

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
        self._connections: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._listen()

    def _listen(self) -> None:
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    @classmethod
    @contextlib.contextmanager
    def before(cls, port: int) -> Iterator["Proxy"]:
        proxy = cls(port)
        yield proxy
        proxy.close()

    def close(self) -> None:
        _end(self._listening)

    def cut(self) -> None:
        """Ends every connection; new ones are refused until it is mended."""
        self.close()
        for one in self._connections:
            _end(one)
        self._connections.clear()

    def mend(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self._listen()

    def deafen(self) -> None:
        self._is_deafening.set()

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listening.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._connections += [client, server]
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
        _end(source)
        _end(sink)


def _end(one: socket.socket) -> None:
    # Closing alone wakes nobody who reads from it or accepts on it.
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
