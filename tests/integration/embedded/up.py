"""`subgrad up` as a process of its own."""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import psutil

from service.settings import Settings
from tests.stack import wait_for


class Up:
    """One `subgrad up` in a home of its own."""

    def __init__(self, home: Path, port: int) -> None:
        self.home, self.port = home, port
        self.environment = Settings(home=home, port=port).as_environment()
        # A file: a pipe that nobody reads from would stop who writes.
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed by `close`)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "service.cli", "up"],
            env=self.environment,
            stderr=self._errors,
            start_new_session=True,
        )
        self.url = f"http://127.0.0.1:{port}"

    def wait_until_ready(self) -> None:
        wait_for(self.is_ready, what="the service is ready", timeout_s=120)

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.errors()
        try:
            return httpx.get(f"{self.url}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def descendants(self) -> list[psutil.Process]:
        return list(psutil.Process(self.process.pid).children(recursive=True))

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(30)

    def errors(self) -> str:
        """What the service has written to stderr."""
        self._errors.seek(0)
        return self._errors.read()

    def close(self) -> None:
        self.end()
        self._errors.close()
