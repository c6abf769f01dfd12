"""RabbitMQ as broker: the URL says so, and nothing else does."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.settings import Settings
from tests.integration.api.streams import follow
from tests.integration.worker.checking import assert_undisturbed, some_specs
from tests.servers import RabbitMQ, system_rabbitmq
from tests.stack import Stack, digits_spec, slow_spec


@pytest.fixture
def rabbitmq() -> Iterator[RabbitMQ]:
    program = system_rabbitmq()
    if program is None:
        pytest.skip("NO RABBITMQ FOUND: install the system's package rabbitmq-server")
    with RabbitMQ.running(program) as server:
        yield server


def test_jobs_run_through_rabbitmq_and_survive_its_death(
    tmp_path: Path, sqlite_url: str, rabbitmq: RabbitMQ
) -> None:
    stack = Stack(
        Settings(home=tmp_path, database_url=sqlite_url, broker_url=rabbitmq.url, republish_s=1.0)
    )
    try:
        worker = stack.start_all()
        made = [stack.post(spec) for spec in some_specs(3)]
        made.append(stack.post(slow_spec(epochs=150)))
        stack.wait_for_epoch(made[-1], 2)
        rabbitmq.kill()
        made.append(stack.post(digits_spec(seed=9)))
        rabbitmq.start()
        made.append(stack.post(digits_spec(seed=10)))
        for job_id in made:
            assert stack.ended(job_id)["attempt"] == 1
        assert worker.poll() is None
        # It carries no hints to streams: they look for themselves.
        assert "subgrad_hints_up 0.0" in stack.http.get("/metrics").text
        last = [event.label for event in follow(stack.http, made[-1])][-2:]
        assert last == ["succeeded", "end"]
        assert_undisturbed(stack.settings, made)
    finally:
        stack.close()
