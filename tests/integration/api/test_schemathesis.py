"""Schemathesis against the live service: every operation of the document, all of its checks."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.db import Database
from service.domain.limits import Limits
from service.settings import Settings
from tests.integration.api.owners import make_key
from tests.stack import Stack

_CONFIG = Path(__file__).with_name("schemathesis.toml")

# Whatever is generated ends within a moment: the event streams that are read wait for the end.
_SMALL = Limits(
    max_epochs=20,
    max_layers=4,
    max_units=128,
    max_parameters=200_000,
    max_examples=2000,
    max_values=200_000,
    max_window_values=1_000_000,
    max_members=200,
)
# A generated job may name any data set of openml.org: nobody there is asked.
_NOWHERE = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}


@pytest.fixture
def token(tmp_path: Path, sqlite_template: Path) -> str:
    """A key that may do everything; once there is one, nobody is let in without."""
    file = tmp_path / "subgrad.sqlite3"
    shutil.copyfile(sqlite_template, file)
    database = Database(f"sqlite:///{file}")
    _, token = make_key(database, "schemathesis", "read", "write", "admin")
    database.dispose()
    return token


@pytest.fixture
def stack(tmp_path: Path, token: str, broker_url: str) -> Iterator[Stack]:
    """API, dispatch and a worker that trains."""
    settings = Settings(
        home=tmp_path, broker_url=broker_url, queue="schemathesis", rate="none", limits=_SMALL
    )
    stack = Stack(settings)
    try:
        stack.start("service.api")
        stack.start("service.dispatch")
        stack.start("workers", environment=_NOWHERE)
        stack.wait_until_ready()
        yield stack
    finally:
        stack.close()


@pytest.mark.parametrize(
    ("phases", "examples"), [("examples,coverage", 1), ("fuzzing,stateful", 10)]
)
def test_the_service_keeps_every_promise_of_its_document(
    stack: Stack, token: str, tmp_path: Path, phases: str, examples: int
) -> None:
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(_CONFIG)),
            *("run", str(stack.http.base_url.join("/openapi.json")), "--checks", "all"),
            *("--phases", phases, "--max-examples", str(examples), "--seed", "1"),
            # A read may wait for the end for a minute.
            *("--request-timeout", "120", "--max-response-time", "90"),
            *("--header", f"Authorization: Bearer {token}"),
            *("--continue-on-failure", "--no-color"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
