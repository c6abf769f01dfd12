"""What stands in which room, and what a test asks of it.

A client sits with the API, for it listens on loopback; the test's own look at the database is from
the room where that is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import Popen
from typing import IO, Any

import httpx

from service.settings import Settings
from tests.integration.worker.checking import assert_undisturbed, read
from tests.servers import Network, free_port
from tests.stack import Spec, Stack, wait_for

CORE, FRONT, LEFT, RIGHT = "servers", "front", "left", "right"

DATABASE, BROKER = "database", "broker"


class Site:
    """Two APIs and dispatch in front, and a worker in each room that a test starts one in."""

    def __init__(
        self,
        network: Network,
        settings: Settings,
        log: IO[bytes],
        database_port: int,
        broker_port: int,
    ) -> None:
        self.network, self.settings = network, settings
        self._ports = {DATABASE: database_port, BROKER: broker_port}
        self.stack = Stack(settings, log=log)
        second = self.stack.settings.model_copy(update={"port": free_port()})
        self._second = second
        self.other_http = httpx.Client(base_url=f"http://127.0.0.1:{second.port}", timeout=70.0)

    @contextmanager
    def in_front(self) -> Iterator[Stack]:
        """As a client of the API."""
        with self.network.inside(FRONT):
            yield self.stack

    def start_front(self) -> None:
        with self.in_front() as stack:
            stack.start("service.api")
            stack.start("service.api", settings=self._second)
            stack.start("service.dispatch")
            stack.wait_until_listening()

    def start_worker(self, room: str, **changes: Any) -> "Popen[bytes]":
        settings = self.stack.settings.model_copy(
            update={"home": self.settings.home / room, **changes}
        )
        with self.network.inside(room):
            return self.stack.start("workers", settings=settings)

    def cut(self, room: str, server: str, **how: Any) -> Any:
        """A context in which the room and that server do not hear each other."""
        return self.network.dropping(room, self._ports[server], **how)

    def wait_until_ready(self) -> None:
        with self.in_front() as stack:
            stack.wait_until_ready()

    def post(self, spec: Spec) -> str:
        with self.in_front() as stack:
            return stack.post(spec)

    def wait_for_epoch(self, job_id: str, epoch: int) -> None:
        with self.in_front() as stack:
            stack.wait_for_epoch(job_id, epoch)

    def ended(self, job_id: str) -> dict[str, Any]:
        with self.in_front() as stack:
            return stack.ended(job_id)

    def job(self, job_id: str) -> dict[str, Any]:
        with self.in_front() as stack:
            return stack.job(job_id)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.network.inside(CORE):
            return read(self.stack, query)

    def wait_until_reporting(self, worker: "Popen[bytes]") -> None:
        """Returns once the worker says again that it can take a job."""
        query = (
            "SELECT count(*) FROM workers WHERE ready "  # noqa: S608
            f"AND pid = {worker.pid} AND seen_at > now() - interval '1 second'"
        )
        wait_for(lambda: self.rows(query)[0][0], what="the worker is ready", timeout_s=90)

    def log(self) -> str:
        """What all processes have written."""
        return (self.settings.home / "log").read_text(errors="replace")

    def assert_undisturbed(self, job_ids: list[str]) -> None:
        with self.network.inside(CORE):
            assert_undisturbed(self.settings, job_ids)

    def close(self) -> None:
        self.stack.close()
        self.other_http.close()
