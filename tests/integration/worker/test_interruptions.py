"""What happens to a job when the processes that work on it are killed, stopped or unwanted."""

import psutil

from tests.stack import Stack, digits_spec, is_alive, slow_spec, wait_for

LONG = {"epochs": 400}


def test_a_job_whose_worker_is_killed_is_trained_again_to_the_same_numbers(stack: Stack) -> None:
    stack.settings = stack.settings.model_copy(update={"lease_s": 1.5})
    spec = slow_spec()
    worker = stack.start_all()
    job_id = stack.post(spec)
    stack.wait_for_epoch(job_id, 3)
    worker.kill()
    worker.wait()
    stack.start("workers")
    job = stack.ended(job_id)
    undisturbed = stack.ended(stack.post(spec))
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    assert stack.epochs(job_id)["epoch"] == list(range(61))
    assert stack.epochs(job_id) == stack.epochs(undisturbed["id"])
    assert stack.layers(job_id) == stack.layers(undisturbed["id"])


def test_a_killed_worker_leaves_no_training_process_behind(stack: Stack) -> None:
    worker = stack.start_all()
    job_id = stack.post(slow_spec(**LONG))
    stack.wait_for_epoch(job_id, 1)
    trainers = psutil.Process(worker.pid).children()
    worker.kill()
    worker.wait()
    wait_for(lambda: not any(map(is_alive, trainers)), what="the training process ends")


def test_a_job_survives_the_death_of_its_training_process(stack: Stack) -> None:
    worker = stack.start_all()
    job_id = stack.post(slow_spec())
    stack.wait_for_epoch(job_id, 2)
    for trainer in psutil.Process(worker.pid).children():
        trainer.kill()
    job = stack.ended(job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    assert worker.poll() is None


def test_a_job_that_always_loses_its_training_process_fails_in_the_end(stack: Stack) -> None:
    worker = stack.start_all()
    job_id = stack.post(slow_spec(**LONG))

    def kill_until_failed() -> bool:
        if stack.job(job_id)["status"] == "running":
            for trainer in psutil.Process(worker.pid).children():
                trainer.kill()
        return bool(stack.job(job_id)["status"] == "failed")

    wait_for(kill_until_failed, what="the job fails")
    job = stack.job(job_id)
    assert (job["reason"], job["attempt"]) == ("worker_lost", 3)
    assert stack.ended(stack.post(digits_spec()))["status"] == "succeeded"


def test_a_stopping_worker_hands_its_job_back_and_the_next_one_finishes_it(stack: Stack) -> None:
    worker = stack.start_all()
    job_id = stack.post(slow_spec())
    stack.wait_for_epoch(job_id, 2)
    worker.terminate()
    assert worker.wait(10) == 0
    assert stack.job(job_id)["status"] == "queued"
    measured, before = stack.job(job_id)["summary"]["epoch"], stack.seconds(job_id)
    stack.start("workers")
    job, undisturbed = stack.ended(job_id), stack.ended(stack.post(slow_spec()))
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    assert stack.epochs(job_id) == stack.epochs(undisturbed["id"])
    assert stack.layers(job_id) == stack.layers(undisturbed["id"])
    assert stack.weights(job_id) == stack.weights(undisturbed["id"])
    # It went on where it was: nothing up to there was told a second time.
    told = stack.seconds(job_id)
    assert measured >= 2
    assert told[: measured + 1] == before[: measured + 1]


def test_cancelling_a_running_job_keeps_what_it_measured_and_frees_the_worker(
    stack: Stack,
) -> None:
    stack.start_all()
    job_id = stack.post(slow_spec(**LONG))
    stack.wait_for_epoch(job_id, 1)
    assert stack.http.post(f"/v1/jobs/{job_id}/cancel").status_code == 202
    job = stack.ended(job_id)
    assert (job["status"], job["reason"]) == ("cancelled", "user")
    assert len(stack.epochs(job_id)["epoch"]) >= 2
    assert stack.ended(stack.post(digits_spec()))["status"] == "succeeded"


def test_cancelling_one_member_of_a_cohort_leaves_the_others_alone(stack: Stack) -> None:
    stack.start("service.api")
    stack.wait_until_listening()
    members = [stack.post(slow_spec(epochs=100, seed=seed)) for seed in (0, 1, 2)]
    stack.start("service.dispatch")
    stack.start("workers")
    stack.wait_for_epoch(members[1], 1)
    stack.http.post(f"/v1/jobs/{members[1]}/cancel").raise_for_status()
    ends = [stack.ended(job_id) for job_id in members]
    assert [job["status"] for job in ends] == ["succeeded", "cancelled", "succeeded"]
    assert stack.epochs(members[2])["epoch"] == list(range(101))
