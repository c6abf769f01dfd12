"""Brings the whole service up in the foreground, and down again."""

import fcntl
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from service.db import Database
from service.db.migrate import upgrade
from service.embedded.processes import Service, stop_all
from service.exposure import ExposedWithoutKey, check_exposure
from service.queue import broker_is_reachable
from service.settings import Settings


class CannotStart(Exception):
    """The service cannot come up here; the message says what is in the way."""


class AlreadyRunning(CannotStart):
    """Another service uses the same home folder."""


def serve(settings: Settings, *, stop: threading.Event) -> None:
    """Runs the service until `stop` is set. Raises CannotStart."""
    with running(settings) as watch:
        while not stop.wait(0.2):
            watch()


def stop_on_signals() -> threading.Event:
    """An event that SIGINT and SIGTERM set."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


@contextmanager
def running(settings: Settings, *, logs: Path | None = None) -> "Iterator[Watch]":
    """The service, up for as long as the block lasts. Call what it gives every now and then: it
    starts again what has died. The processes' output goes into the folder `logs` if one is given,
    a file each."""
    with _locked(settings.resolved_home):
        _check_port(settings)
        database = Database(settings.resolved_database_url)
        upgrade(database)
        database.dispose()
        try:
            check_exposure(settings)
        except ExposedWithoutKey as error:
            raise CannotStart(str(error)) from None
        watch = Watch(settings, logs)
        try:
            watch.start()
            yield watch
        finally:
            watch.stop()


class Watch:
    """Looks after the processes: call it to start again what has died."""

    def __init__(self, settings: Settings, logs: Path | None) -> None:
        self._settings, self._environment = settings, settings.as_environment()
        if logs is not None:
            logs.mkdir(parents=True, exist_ok=True)

        def service(name: str, module: str) -> Service:
            return Service(name=name, module=module, log=logs and logs / f"{name}.log")

        embedded = settings.uses_embedded_broker
        self._brokers = [service("broker", "service.embedded.broker")] if embedded else []
        self._services = [
            service("api", "service.api"),
            service("dispatch", "service.dispatch"),
            service("worker", "workers"),
        ]

    def start(self) -> None:
        for broker in self._brokers:
            broker.start(self._environment)
            # Who finds no broker tries again after seconds; this one is up in a moment.
            while not broker_is_reachable(self._settings):
                broker.restart_if_dead(self._environment)
                time.sleep(0.05)
        for service in self._services:
            service.start(self._environment)

    def stop(self) -> None:
        """Ends everything; the broker last, for the others speak to it until they end."""
        stop_all(self._services)
        stop_all(self._brokers)

    def __call__(self) -> None:
        for service in self._brokers + self._services:
            service.restart_if_dead(self._environment)


def wait_until_ready(url: str, watch: Watch, *, stop: threading.Event) -> None:
    """Returns when the service can take and train jobs, or when `stop` is set."""
    while not stop.wait(0.1):
        watch()
        try:
            if httpx.get(f"{url}/readyz", timeout=5).is_success:
                return
        except httpx.TransportError:
            continue


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    home.mkdir(parents=True, exist_ok=True)
    with (home / "serve.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                f"A service is running on {home} already. Stop it, or set SUBGRAD_HOME to "
                "another folder and SUBGRAD_PORT to another port."
            ) from None
        yield


def _check_port(settings: Settings) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise CannotStart(
                f"Port {settings.port} on {settings.host} is not free ({error.strerror}). "
                "Set SUBGRAD_PORT to another one."
            ) from None
