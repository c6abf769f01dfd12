"""The API behind a real uvicorn. One server for the session; each test gives it a database."""

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from service.api import create_app
from service.db import Database
from service.settings import Settings

POLL_S = 0.01


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serves the app in a thread, under the URL."""
    # The socket listens before the server starts, so nobody has to wait for it. Its protocol is
    # named, for only then asyncio switches off Nagle's algorithm, which costs 40 ms a request.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        # Also where the test has failed: Python waits for its threads before it ends.
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def served(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[tuple[FastAPI, str]]:
    """The app and its URL. Its own database is for tests that change nothing."""
    home = tmp_path_factory.mktemp("api")
    shutil.copyfile(sqlite_template, home / "subgrad.sqlite3")
    app = create_app(Settings(home=home, poll_s=POLL_S))
    with serving(app) as url:
        yield app, url


@pytest.fixture
def app(served: tuple[FastAPI, str], database: Database) -> Iterator[FastAPI]:
    """The app on this test's database."""
    app, _ = served
    state = app.state
    kept = state.database, state.settings, state.broker_answers, state.store
    state.database = database
    yield app
    state.database, state.settings, state.broker_answers, state.store = kept


@pytest.fixture
def http(app: FastAPI, served: tuple[FastAPI, str]) -> Iterator[httpx.Client]:
    """A client of the API on this test's database, SQLite and PostgreSQL."""
    with httpx.Client(base_url=served[1], timeout=20) as client:
        yield client


@pytest.fixture(scope="session")
def still(served: tuple[FastAPI, str]) -> Iterator[httpx.Client]:
    """A client of the API on a database that stays empty: for requests that are refused."""
    with httpx.Client(base_url=served[1], timeout=20) as client:
        yield client
