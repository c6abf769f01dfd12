"""One running service for all tests of this folder, with a worker that trains."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.client import Subgrad
from service.settings import Settings
from tests.stack import Stack


@pytest.fixture(scope="package")
def stack(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, redis_url: str
) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("client")
    shutil.copyfile(sqlite_template, home / "subgrad.sqlite3")
    stack = Stack(Settings(home=home, broker_url=redis_url, queue="client-tests", republish_s=0.5))
    try:
        stack.start_all()
        yield stack
    finally:
        stack.close()


@pytest.fixture(scope="package")
def url(stack: Stack) -> str:
    return str(stack.http.base_url)


@pytest.fixture
def client(url: str) -> Iterator[Subgrad]:
    with Subgrad(url) as client:
        yield client
