"""A way to a server whose connections break off."""

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence


class CuttingProxy:
    """Lets each connection have so many bytes of answers, one number after the other; then it
    resets it. When the numbers are used up connections live for ever."""

    def __init__(self, target: int, bytes_each: Sequence[int]) -> None:
        self.cuts = 0
        self._target = target
        self._left = list(bytes_each)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @classmethod
    @contextlib.contextmanager
    def before(cls, target: int, bytes_each: Sequence[int]) -> Iterator["CuttingProxy"]:
        proxy = cls(target, bytes_each)
        yield proxy
        proxy._listening.shutdown(socket.SHUT_RDWR)
        proxy._listening.close()
        for thread in proxy._threads:
            thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                allowed = self._left.pop(0) if self._left else None
                server = socket.create_connection(("127.0.0.1", self._target))
                for pair in ((client, server, None), (server, client, allowed)):
                    thread = threading.Thread(target=self._pass_on, args=pair)
                    self._threads.append(thread)
                    thread.start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, allowed: int | None) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                if allowed is not None and len(data) >= allowed:
                    sink.sendall(data[:allowed])
                    self.cuts += 1
                    break
                allowed = None if allowed is None else allowed - len(data)
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()
