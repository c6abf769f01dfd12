"""A private object store that speaks S3: moto's server, which keeps everything in memory."""

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import httpx

from tests.servers.process import ServerProcess, free_port, server_folder
from tests.servers.proxy import Proxy

BUCKET = "subgrad-objects"
_SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=0"
}
"""Anybody's signature will do, but there has to be one."""


def has_s3() -> bool:
    """Whether the server and the client are installed."""
    return find_spec("moto") is not None and find_spec("s3fs") is not None


class S3:
    """One server with one bucket. It is reached over a way that can be cut and mended."""

    def __init__(self, folder: Path, port: int) -> None:
        self._port = port
        command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
        self._process = ServerProcess(
            command,
            folder=folder,
            user=None,
            stop_signal=signal.SIGTERM,
            death_signal=signal.SIGKILL,
            environment={"PYTHONPATH": os.pathsep.join(sys.path)},  # the packages that we have
        )
        self._process.wait_until(self._answers)
        self._proxy = Proxy(port)
        httpx.put(f"{self._direct}/{BUCKET}", headers=_SIGNED).raise_for_status()

    @classmethod
    @contextmanager
    def running(cls) -> Iterator["S3"]:
        with server_folder("s3", None) as folder:
            server = cls(folder, free_port())
            try:
                yield server
            finally:
                server._proxy.close()
                server._process.stop()

    @property
    def environment(self) -> Mapping[str, str]:
        """By which every S3 client of a process finds it."""
        return {
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{self._proxy.port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    @property
    def url(self) -> str:
        return f"s3://{BUCKET}/subgrad"

    def urls(self) -> list[str]:
        """The URLs of all objects, as the server itself tells."""
        told = httpx.get(f"{self._direct}/{BUCKET}", params={"list-type": 2}, headers=_SIGNED)
        found = ElementTree.fromstring(told.raise_for_status().text).iter()  # noqa: S314  (our own server's)
        return sorted(f"s3://{BUCKET}/{one.text}" for one in found if one.tag.endswith("}Key"))

    def overwrite(self, url: str, content: bytes) -> None:
        httpx.put(self._address(url), content=content, headers=_SIGNED).raise_for_status()

    def delete(self, url: str) -> None:
        httpx.delete(self._address(url), headers=_SIGNED).raise_for_status()

    def cut(self) -> None:
        """From now on nobody reaches it: connections end, and new ones are refused."""
        self._proxy.cut()

    def mend(self) -> None:
        self._proxy.mend()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It takes connections and never answers."""
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)

    @property
    def _direct(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def _address(self, url: str) -> str:
        return f"{self._direct}/{url.removeprefix('s3://')}"

    def _answers(self) -> bool:
        try:
            return httpx.get(self._direct, timeout=10).status_code == 200
        except httpx.TransportError:
            return False
