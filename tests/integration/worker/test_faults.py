"""Workers that stop, crash, hang, or do not know what time it is."""

import signal
import subprocess
from typing import Any

import psutil
import pytest

from service.settings import Settings
from tests.integration.worker.checking import assert_undisturbed, fault, read, some_specs
from tests.stack import Stack, digits_spec, is_alive, slow_spec, wait_for

LONG = {"epochs": 300}
CULPRIT = 666


def trainers(pid: int) -> list[psutil.Process]:
    return list(psutil.Process(pid).children())


def culprit_in_company(stack: Stack, name: str) -> tuple[dict[str, Any], "subprocess.Popen[bytes]"]:
    """A job over which its training process has this fault, ended, and the worker. Those that were
    posted with it have succeeded, and none of them is blamed."""
    stack.start("service.api")
    stack.wait_until_listening()
    good = [stack.post(digits_spec(seed=seed)) for seed in range(7)]
    culprit = stack.post(digits_spec(seed=CULPRIT))
    worker = stack.start("workers", environment=fault(name))
    stack.start("service.dispatch")
    job = stack.ended(culprit)
    for job_id in good:
        assert stack.ended(job_id)["status"] == "succeeded"
    assert read(stack, "SELECT max(losses) FROM jobs WHERE status = 'succeeded'") == [(0,)]
    return job, worker


def test_a_worker_that_slept_through_its_lease_can_write_nothing(stack: Stack) -> None:
    stack.settings = stack.settings.model_copy(update={"lease_s": 1.5})
    sleeper = stack.start_all()
    job_id = stack.post(slow_spec(epochs=150))
    stack.wait_for_epoch(job_id, 3)
    sleeper.send_signal(signal.SIGSTOP)
    stack.start("workers")
    job = stack.ended(job_id)
    assert job["attempt"] == 2
    rows = "SELECT job_id, epoch, attempt, train_loss, seconds FROM epoch_metrics ORDER BY epoch"
    before = read(stack, rows)
    sleeper.send_signal(signal.SIGCONT)
    # It has seen that the job is lost when it takes the next one.
    sleepers = f"SELECT count(*) FROM workers WHERE pid = {sleeper.pid} AND ready"  # noqa: S608
    wait_for(lambda: read(stack, sleepers)[0][0], what="the sleeper is awake")
    sleeper.terminate()
    assert sleeper.wait(10) == 0
    assert read(stack, rows) == before
    assert stack.job(job_id) == job
    assert_undisturbed(stack.settings, [job_id])


def test_the_clock_of_a_worker_decides_about_nothing(stack: Stack) -> None:
    stack.settings = stack.settings.model_copy(update={"lease_s": 1.0})
    stack.start("service.api")
    stack.start("service.dispatch")
    stack.start("workers", environment=fault("clock_is_wrong"))
    stack.wait_until_ready()
    # Trains several times as long as a lease: it has to be renewed, and the reaper looks at it.
    job_id = stack.post(slow_spec(epochs=300))
    job = stack.ended(job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 1)
    assert_undisturbed(stack.settings, [job_id])


def test_a_job_that_crashes_its_process_fails_alone(stack: Stack) -> None:
    job, worker = culprit_in_company(stack, "training_crashes")
    assert (job["status"], job["reason"]) == ("failed", "worker_lost")
    assert "signal 11" in job["detail"]
    later = stack.post(digits_spec(seed=8))
    assert stack.ended(later)["status"] == "succeeded"
    assert worker.poll() is None


def test_a_job_that_hangs_fails_alone_and_says_so(stack: Stack) -> None:
    stack.settings = stack.settings.model_copy(update={"hang_s": 2.0, "max_attempts": 2})
    job, worker = culprit_in_company(stack, "training_hangs")
    assert (job["status"], job["reason"]) == ("failed", "timeout")
    assert job["detail"] == "The training process did nothing for 2 s."
    assert worker.poll() is None


def test_a_training_process_that_stops_in_mid_run_is_replaced(stack: Stack) -> None:
    stack.settings = stack.settings.model_copy(update={"hang_s": 1.0, "checkpoint_s": 0.1})
    worker = stack.start_all()
    job_id = stack.post(slow_spec(epochs=100))
    stack.wait_for_epoch(job_id, 20)
    (hung,) = trainers(worker.pid)
    hung.suspend()
    job = stack.ended(job_id)
    assert not is_alive(hung)
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    assert_undisturbed(stack.settings, [job_id])


def test_a_database_that_is_away_between_claim_and_training_is_no_fault_of_the_job(
    stack: Stack,
) -> None:
    stack.start("service.api")
    stack.start("service.dispatch")
    worker = stack.start("workers", environment=fault("database_goes_away_after_a_claim"))
    stack.wait_until_ready()
    job = stack.ended(stack.post(digits_spec()))
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    assert read(stack, "SELECT losses FROM jobs") == [(0,)]
    assert worker.poll() is None


def test_a_job_too_large_for_the_memory_fails_and_says_so(stack: Stack) -> None:
    stack.settings = stack.settings.model_copy(update={"trainer_memory_mb": 2000})
    worker = stack.start_all()
    # rrelu is trained by stacked PyTorch, which holds the activations of a whole batch.
    large = digits_spec(network={"hidden": [4096, 4096]}, batch_size=65_536) | {
        "activation": {"name": "rrelu"},
        "dataset": {"name": "two_moons", "size": 200_000},
    }
    job = stack.ended(stack.post(large))
    assert (job["status"], job["reason"]) == ("failed", "out_of_memory")
    assert stack.ended(stack.post(digits_spec()))["status"] == "succeeded"
    assert worker.poll() is None


def test_a_training_process_that_has_grown_makes_room_for_a_new_one(stack: Stack) -> None:
    stack.settings = stack.settings.model_copy(update={"trainer_growth_mb": 1})
    worker = stack.start_all()
    first = {process.pid for process in trainers(worker.pid)}
    jobs = [stack.post(digits_spec(seed=seed)) for seed in (0, 1)]
    for job_id in jobs:
        stack.ended(job_id)
    wait_for(
        lambda: trainers(worker.pid) and not first & {p.pid for p in trainers(worker.pid)},
        what="another training process",
    )
    assert_undisturbed(stack.settings, jobs)


def test_a_cancel_that_is_not_obeyed_is_enforced(stack: Stack) -> None:
    stack.settings = stack.settings.model_copy(update={"cancel_grace_s": 0.5})
    stack.start("service.api")
    stack.wait_until_listening()
    made = [stack.post(slow_spec(seed=seed, **LONG)) for seed in (0, 1)]
    stack.start("service.dispatch")
    worker = stack.start("workers")
    stack.wait_for_epoch(made[0], 2)
    (hung,) = trainers(worker.pid)
    hung.suspend()
    stack.http.post(f"/v1/jobs/{made[0]}/cancel").raise_for_status()
    cancelled, other = (stack.ended(job_id) for job_id in made)
    assert not is_alive(hung)
    assert (cancelled["status"], cancelled["reason"]) == ("cancelled", "user")
    assert len(stack.epochs(made[0])["epoch"]) >= 3
    assert (other["status"], other["attempt"]) == ("succeeded", 2)
    assert read(stack, "SELECT max(losses) FROM jobs") == [(0,)]
    assert_undisturbed(stack.settings, made)


def test_a_stopping_worker_hands_back_within_ten_seconds_and_blames_no_job(stack: Stack) -> None:
    worker = stack.start_all()
    made = [stack.post(spec) for spec in some_specs(4, epochs=150)]
    stack.wait_for_epoch(made[0], 2)
    for _ in range(4):  # more often than a job may be lost
        worker.terminate()
        assert worker.wait(10) == 0
        worker = stack.start("workers")
        attempts = stack.job(made[0])["attempt"]
        wait_for(
            lambda before=attempts: (  # type: ignore[misc]
                stack.job(made[0])["attempt"] > before or stack.job(made[0])["finished_at"]
            ),
            what="the next worker takes over",
        )
    for job_id in made:
        stack.ended(job_id)
    assert read(stack, "SELECT max(losses) FROM jobs") == [(0,)]
    assert_undisturbed(stack.settings, made)


@pytest.fixture
def database_url(postgresql_url: str) -> str:
    """PostgreSQL: what holds here does not depend on the database, and takes its time."""
    return postgresql_url


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"republish_s": 1.0})
