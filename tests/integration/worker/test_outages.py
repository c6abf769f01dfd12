"""Broker and database go away and come back while jobs run. Nobody restarts a worker."""

import redis as client

from service.settings import Settings
from tests.integration.worker.checking import assert_undisturbed, fault, some_specs
from tests.servers import Postgres, Proxy, Redis
from tests.stack import Stack, digits_spec, slow_spec, wait_for

LONG = {"epochs": 150}


def test_a_job_accepted_while_the_broker_is_down_runs_when_it_comes_back(
    fragile: Stack, redis: Redis
) -> None:
    worker = fragile.start_all()
    redis.kill()
    job_id = fragile.post(digits_spec())
    redis.start()
    assert fragile.ended(job_id)["status"] == "succeeded"
    assert worker.poll() is None


def test_a_broker_that_forgets_everything_loses_no_job(fragile: Stack, redis: Redis) -> None:
    fragile.start("service.api")
    fragile.start("service.dispatch")
    fragile.wait_until_listening()
    made = [fragile.post(spec) for spec in some_specs(6, epochs=10)]
    with client.Redis.from_url(redis.url) as broker:
        wait_for(lambda: broker.llen("subgrad") >= 6, what="all are announced")
        broker.flushall()
        fragile.start("workers")
        for job_id in made:
            fragile.ended(job_id)
            broker.flushall()
    assert_undisturbed(fragile.settings, made)


def test_a_restart_of_the_broker_leaves_training_alone(fragile: Stack, redis: Redis) -> None:
    worker = fragile.start_all()
    job_id = fragile.post(slow_spec(**LONG))
    fragile.wait_for_epoch(job_id, 2)
    redis.kill()
    redis.start()
    job = fragile.ended(job_id)
    later = fragile.ended(fragile.post(digits_spec()))
    assert (job["status"], job["attempt"]) == ("succeeded", 1)
    assert later["status"] == "succeeded"
    assert worker.poll() is None


def test_a_crash_of_the_database_loses_nothing(settings: Settings, postgres: Postgres) -> None:
    stack = Stack(settings.model_copy(update={"database_url": postgres.url, "lease_s": 5.0}))
    try:
        worker = stack.start_all()
        made = [stack.post(spec) for spec in some_specs(4, epochs=100)]
        stack.wait_for_epoch(made[0], 2)
        postgres.crash()
        postgres.start()
        made.append(stack.post(digits_spec()))
        for job_id in made:
            stack.ended(job_id)
        assert worker.poll() is None
        assert_undisturbed(stack.settings, made)
    finally:
        stack.close()


def test_messages_that_come_twice_or_never_change_nothing(fragile: Stack) -> None:
    fragile.start("service.api")
    fragile.wait_until_listening()
    fragile.start("service.dispatch", environment=fault("messages_come_twice_or_not_at_all"))
    # Nothing but a message starts anything: these look for nothing by themselves.
    incurious = fragile.settings.model_copy(update={"republish_s": 1e6})
    for _ in range(2):
        fragile.start("workers", settings=incurious)
    made = []
    for spec in some_specs(9, epochs=10):
        # One after another: else the message of one leads a worker to all that wait.
        made.append(fragile.post(spec))
        assert fragile.ended(made[-1])["attempt"] == 1
    assert_undisturbed(fragile.settings, made)


def test_a_worker_that_hears_nothing_any_more_ends_itself(fragile: Stack, redis: Redis) -> None:
    fragile.start("service.api")
    fragile.start("service.dispatch")
    with Proxy.before(redis.port) as proxy:
        url = f"redis://127.0.0.1:{proxy.port}/0"
        deaf = fragile.start(
            "workers",
            settings=fragile.settings.model_copy(update={"broker_url": url, "deaf_after_s": 2.0}),
        )
        fragile.wait_until_ready()
        assert fragile.ended(fragile.post(digits_spec()))["status"] == "succeeded"
        proxy.deafen()
        assert deaf.wait(60) not in (0, None)
    job_id = fragile.post(digits_spec())
    fragile.start("workers")
    assert fragile.ended(job_id)["status"] == "succeeded"
