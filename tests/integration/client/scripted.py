"""A local HTTP server that answers from a script, and remembers what it was asked."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`cut`: the connection ends before the body is what its length says."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    cut: bool = False


@dataclass(frozen=True, kw_only=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Scripted:
    """Gives one answer after the other, the last one for ever."""

    def __init__(self, *answers: Answer) -> None:
        self.asked: list[Asked] = []
        self._answers = list(answers)
        self._lock = threading.Lock()
        self.url = ""

    @contextmanager
    def running(self) -> Iterator["Scripted"]:
        script = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                size = int(self.headers.get("Content-Length", 0))
                script.take(self, self.rfile.read(size))

            do_POST = do_DELETE = do_GET  # noqa: N815  (named by http.server)

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def take(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        with self._lock:
            headers = {name.lower(): value for name, value in request.headers.items()}
            self.asked.append(
                Asked(method=request.command, path=request.path, headers=headers, body=body)
            )
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        request.send_response(answer.status)
        for name, value in answer.headers.items():
            request.send_header(name, value)
        if answer.status != 204 and "Content-Type" not in answer.headers:
            length = len(answer.body) + (1 if answer.cut else 0)
            request.send_header("Content-Length", str(length))
        request.end_headers()
        if answer.status != 204:
            request.wfile.write(answer.body)
