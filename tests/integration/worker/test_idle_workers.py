"""No worker idles while a job waits that it could train, whatever became of the message."""

import signal
import subprocess
from datetime import datetime
from typing import Any

import pytest

from service.settings import Settings
from tests.integration.worker.checking import fault, read
from tests.stack import Stack, digits_spec, slow_spec, wait_for

NEVER_S = 1e6
SOON_S = 5.0
"""In which a message alone starts a job, on a machine that others use too."""


def start_workers(stack: Stack, count: int, **options: Any) -> "list[subprocess.Popen[bytes]]":
    """Starts them and waits until each is ready."""
    workers = [stack.start("workers", **options) for _ in range(count)]
    ready = "SELECT count(*) FROM workers WHERE ready"
    wait_for(lambda: read(stack, ready) == [(count,)], what="all workers are ready")
    return workers


def test_a_worker_finds_by_itself_what_nobody_announces(stack: Stack) -> None:
    stack.start("service.api")
    stack.wait_until_listening()
    start_workers(stack, 1)
    for seed in range(2):
        assert stack.ended(stack.post(digits_spec(seed=seed)))["status"] == "succeeded"


def test_a_database_that_is_away_when_a_message_comes_costs_no_wait_for_the_next(
    stack: Stack,
) -> None:
    stack.settings = stack.settings.model_copy(update={"republish_s": NEVER_S})
    stack.start("service.api")
    stack.start("service.dispatch")
    start_workers(stack, 1, environment=fault("database_goes_away_before_a_claim"))
    stack.wait_until_ready()
    job = stack.ended(stack.post(digits_spec()))
    assert (job["status"], job["attempt"]) == ("succeeded", 1)


def test_what_an_owners_limit_kept_back_starts_when_there_is_room(stack: Stack) -> None:
    stack.settings = stack.settings.model_copy(update={"max_running_per_owner": 1})
    stack.start("service.api")
    dispatch = stack.start("service.dispatch")
    stack.wait_until_listening()
    workers = {worker.pid: worker for worker in start_workers(stack, 2)}
    first = stack.post(slow_spec(epochs=5_000))
    stack.wait_for_epoch(first, 1)
    second = stack.post(digits_spec())
    told = f"SELECT announced FROM outbox WHERE job_id = '{second}'"  # noqa: S608
    wait_for(lambda: read(stack, told)[0][0] >= 2, what="it is announced in vain")
    dispatch.send_signal(signal.SIGKILL)  # nothing is announced from now on
    dispatch.wait()
    busy = "SELECT pid FROM workers JOIN jobs ON workers.id = jobs.worker_id"
    ((pid,),) = read(stack, busy)
    workers[pid].terminate()  # hands back: there is room
    workers[pid].wait(10)
    stack.http.post(f"/v1/jobs/{first}/cancel").raise_for_status()
    assert stack.ended(second)["status"] == "succeeded"


def test_a_busy_worker_keeps_no_message_from_an_idle_one(stack: Stack) -> None:
    stack.settings = stack.settings.model_copy(update={"republish_s": NEVER_S})
    stack.start("service.api")
    stack.start("service.dispatch")
    start_workers(stack, 2)
    stack.wait_until_ready()
    long = stack.post(slow_spec(epochs=5_000))
    stack.wait_for_epoch(long, 1)
    for seed in range(6):
        job = stack.ended(stack.post(digits_spec(seed=seed)))
        created, started = (datetime.fromisoformat(job[of]) for of in ("created_at", "started_at"))
        assert (started - created).total_seconds() < SOON_S
    assert stack.job(long)["status"] == "running"
    stack.http.post(f"/v1/jobs/{long}/cancel").raise_for_status()


@pytest.fixture
def database_url(postgresql_url: str) -> str:
    return postgresql_url


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"republish_s": 1.0})
