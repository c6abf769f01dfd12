"""What tests of several rooms start for themselves."""

from collections.abc import Iterator

import pytest

from tests.servers import Redis, find_redis


@pytest.fixture
def redis() -> Iterator[Redis]:
    """A Redis of this test's own, to stop and start."""
    program = find_redis()
    if program is None:
        pytest.skip("no Redis to stop and start")
    with Redis.running(program) as server:
        yield server
