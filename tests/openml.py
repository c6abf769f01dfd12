"""Data sets as openml.org has them: the documents of its API, for a cache or for a server."""

import gzip
import hashlib
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sklearn.datasets import _openml

ORIGIN = "https://www.openml.org"


@dataclass(frozen=True, kw_only=True)
class PublishedSet:
    """A data set with numeric features `x0`, `x1`, … and the target `y`, the last column."""

    name: str
    rows: Sequence[Sequence[Any]]
    labels: Sequence[str] = ()
    """The classes of the target; none: it is a number."""
    nominal: Sequence[int] = ()
    """Features that are names and not numbers."""
    id: int = 61

    @property
    def spec(self) -> dict[str, Any]:
        """The data set of a spec that declares it truly."""
        return {
            "name": "openml",
            "openml_name": self.name,
            "version": 1,
            "examples": len(self.rows),
            "features": len(self.rows[0]) - 1,
            "classes": len(self.labels) or None,
        }

    def documents(self, origin: str = ORIGIN) -> dict[str, bytes]:
        """Everything that a client asks for, by the path of its URL."""
        file = self._arff()
        search = f"list/data_name/{self.name.lower()}/limit/2/data_version/1"
        about = {
            "id": str(self.id),
            "name": self.name,
            "version": "1",
            "description": "made for tests",
            "format": "ARFF",
            "status": "active",
            "url": f"{origin}/data/v1/download/{self.id}/{self.name}.arff",
            "md5_checksum": hashlib.md5(file, usedforsecurity=False).hexdigest(),
        }
        found = {"did": self.id, "name": self.name, "version": 1, "status": "active"}
        quality = {"name": "NumberOfInstances", "value": str(len(self.rows))}
        api = {
            search: {"data": {"dataset": [found]}},
            f"{self.id}": {"data_set_description": about},
            f"features/{self.id}": {"data_features": {"feature": self._features()}},
            f"qualities/{self.id}": {"data_qualities": {"quality": [quality]}},
        }
        documents = {f"api/v1/json/data/{path}": json.dumps(body) for path, body in api.items()}
        texts = {path: text.encode() for path, text in documents.items()}
        return texts | {f"data/v1/download/{self.id}/{self.name}.arff": file}

    def put_into(self, data_home: Path) -> None:
        """Leaves it where a client that had fetched it would find it."""
        for path, document in self.documents().items():
            file = data_home / "openml" / "openml.org" / f"{path}.gz"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(gzip.compress(document))

    def _kind(self, column: int) -> Sequence[str]:
        if column == len(self.rows[0]) - 1:
            return self.labels
        return sorted({str(row[column]) for row in self.rows}) if column in self.nominal else ()

    def _columns(self) -> list[tuple[str, Sequence[str]]]:
        last = len(self.rows[0]) - 1
        names = [*(f"x{i}" for i in range(last)), "y"]
        return [(name, self._kind(i)) for i, name in enumerate(names)]

    def _features(self) -> list[dict[str, str]]:
        return [
            {
                "index": str(i),
                "name": name,
                "data_type": "nominal" if kind else "numeric",
                "is_target": str(name == "y").lower(),
                "is_ignore": "false",
                "is_row_identifier": "false",
                "number_of_missing_values": "0",
            }
            for i, (name, kind) in enumerate(self._columns())
        ]

    def _arff(self) -> bytes:
        attributes = [
            f"@ATTRIBUTE {name} {'{' + ','.join(kind) + '}' if kind else 'REAL'}"
            for name, kind in self._columns()
        ]
        lines = [",".join("?" if v is None else str(v) for v in row) for row in self.rows]
        return "\n".join([f"@RELATION {self.name}", *attributes, "@DATA", *lines, ""]).encode()


@dataclass(kw_only=True)
class Publisher:
    """A server that speaks as openml.org does."""

    url: str
    documents: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def publish(self, one: PublishedSet) -> None:
        self.documents |= one.documents(self.url)


@contextmanager
def publishing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    """The server, and scikit-learn asking it instead of openml.org."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.lstrip("/")
            publisher.asked.append(path)
            # 412 is what OpenML says of a data set that it has not.
            body = publisher.documents.get(path)
            self.send_response(200 if body is not None else 412)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        publisher = Publisher(url=f"http://127.0.0.1:{server.server_port}")
        for constant in ("_SEARCH_NAME", "_DATA_INFO", "_DATA_FEATURES", "_DATA_QUALITIES"):
            there = getattr(_openml, constant).replace(ORIGIN, publisher.url)
            monkeypatch.setattr(_openml, constant, there)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield publisher
        server.shutdown()
        thread.join()
