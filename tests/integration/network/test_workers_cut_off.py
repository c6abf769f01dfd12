"""Workers that lose the database, the broker or both, and say nothing, for nobody hears them."""

from contextlib import AbstractContextManager
from subprocess import Popen
from typing import Any

import pytest

from tests.integration.network.site import BROKER, DATABASE, LEFT, RIGHT, Site
from tests.servers import DROP_ANSWERS
from tests.stack import digits_spec, slow_spec, wait_for

EPOCHS = "SELECT job_id, epoch, attempt, train_loss, seconds FROM epoch_metrics ORDER BY 1, 2"

CUTS = {
    "every packet is dropped": lambda site: site.cut(LEFT, DATABASE),
    "answers are dropped": lambda site: site.cut(LEFT, DATABASE, chains=DROP_ANSWERS),
    "the wire is out": lambda site: site.network.unplugged(LEFT),
}


def train_on_the_left(site: Site) -> tuple[Popen[bytes], str]:
    """The worker there, and the job that it is training."""
    site.start_front()
    left = site.start_worker(LEFT)
    site.wait_until_ready()
    job_id = site.post(slow_spec(epochs=60))
    site.wait_for_epoch(job_id, 3)
    return left, job_id


@pytest.mark.parametrize("how", CUTS)
def test_a_worker_cut_from_the_database_for_longer_than_its_lease_writes_nothing_and_serves_again(
    site: Site, how: str
) -> None:
    cut: AbstractContextManager[Any] = CUTS[how](site)
    left, job_id = train_on_the_left(site)
    with cut:
        right = site.start_worker(RIGHT)
        job = site.ended(job_id)
        rows = site.rows(EPOCHS)
        right.terminate()
        assert right.wait(30) == 0
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    site.wait_until_reporting(left)
    # It has seen that its job is lost once it takes another one.
    later = site.post(digits_spec())
    assert site.ended(later)["status"] == "succeeded"
    assert left.poll() is None
    assert [row for row in site.rows(EPOCHS) if row[0] == job_id] == rows
    assert site.job(job_id) == job
    site.assert_undisturbed([job_id, later])


def test_a_worker_cut_from_the_broker_trains_on_and_hears_again(site: Site) -> None:
    left, job_id = train_on_the_left(site)
    with site.cut(LEFT, BROKER):
        job = site.ended(job_id)
        assert (job["status"], job["attempt"]) == ("succeeded", 1)
        waiting = site.post(digits_spec())
        # Long enough for the worker to have missed its broker.
        wait_for(
            lambda: "Connection to broker lost" in site.log(),
            what="the worker says that it lost its broker",
        )
        assert site.job(waiting)["status"] == "queued"
    assert site.ended(waiting)["status"] == "succeeded"
    assert left.poll() is None
    site.assert_undisturbed([job_id, waiting])


def test_a_worker_that_starts_while_it_is_cut_off_serves_once_it_is_not(site: Site) -> None:
    site.start_front()
    job_id = site.post(digits_spec())
    with site.cut(LEFT, DATABASE), site.cut(LEFT, BROKER):
        worker = site.start_worker(LEFT)
        wait_for(
            lambda: "waiting for the database" in site.log(),
            what="the worker says that it waits for the database",
        )
    assert site.ended(job_id)["status"] == "succeeded"
    assert worker.poll() is None


def test_a_worker_that_is_stopped_while_it_is_cut_off_ends_and_loses_nothing(site: Site) -> None:
    left, job_id = train_on_the_left(site)
    with site.network.unplugged(LEFT):
        left.terminate()
        left.wait(60)
        site.start_worker(RIGHT)
        assert site.ended(job_id)["attempt"] == 2
    site.assert_undisturbed([job_id])
