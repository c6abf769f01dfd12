"""One running service for all tests of this folder, with a worker that trains."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.client import Subgrad
from service.domain.job import Job
from tests.integration.client.commanded import LONG
from tests.integration.client.commands import CommandLine
from tests.specs import SMALL
from tests.stack import Stack, running_stack


@pytest.fixture(scope="package")
def stack(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, redis_url: str
) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("client")
    with running_stack(home, template=sqlite_template, broker_url=redis_url) as stack:
        yield stack


@pytest.fixture(scope="package")
def url(stack: Stack) -> str:
    return str(stack.http.base_url)


@pytest.fixture
def client(url: str) -> Iterator[Subgrad]:
    with Subgrad(url) as client:
        yield client


@pytest.fixture
def run(url: str) -> CommandLine:
    return CommandLine(url)


@pytest.fixture
def trained(client: Subgrad) -> Job:
    return client.jobs.wait(client.jobs.create(SMALL).id)


@pytest.fixture
def stopped(client: Subgrad) -> Job:
    """A job that was cancelled."""
    job = client.jobs.create(LONG)
    client.jobs.cancel(job.id)
    return client.jobs.wait(job.id)
