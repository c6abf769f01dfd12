"""One running service for all tests of this folder, with a worker that trains."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from service.client import Subgrad
from service.domain.states import JobStatus
from service.domain.study import StudyReport
from tests.stack import Stack, running_stack


@pytest.fixture(scope="package")
def stack(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, redis_url: str
) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("studies")
    with running_stack(home, template=sqlite_template, broker_url=redis_url) as stack:
        yield stack


@pytest.fixture
def client(stack: Stack) -> Iterator[Subgrad]:
    with Subgrad(str(stack.http.base_url)) as client:
        yield client


Study = Callable[..., StudyReport]


@pytest.fixture
def study(client: Subgrad) -> Study:
    """Runs a study through the service: its report, once it has succeeded."""

    def run(template: str, **overrides: Any) -> StudyReport:
        posted = client.studies.create(template, overrides=overrides)
        ended = client.studies.wait(posted.id, timeout_s=300)
        assert ended.status is JobStatus.SUCCEEDED, ended.detail
        assert ended.counts.failed == 0
        return client.studies.report(posted.id)

    return run
