"""A job is followed from its request to the training process: by metrics, by the lines of the log,
by its trace."""

import re
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.integration.observability.conftest import Watched
from tests.integration.worker.test_device import path_with_gpus
from tests.servers.collector import Seen
from tests.stack import digits_spec, slow_spec, wait_for

# 1,437 examples of digits' training part in batches of 64.
STEPS_PER_EPOCH = 23
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
RETRIED = "4bf92f3577b34da6a3ce929d0e0e4737"
PARENT = "00f067aa0ba902b7"


def counted(watched: Watched, name: str, **labels: str) -> float:
    """The sum over all processes."""
    text = watched.stack.http.get("/metrics").raise_for_status().text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def waited_for(watched: Watched, name: str, more: float, before: float, **labels: str) -> None:
    wait_for(
        lambda: counted(watched, name, **labels) == before + more,
        what=f"{name} of {labels} is {more} more than {before}",
    )


def test_a_jobs_work_is_counted(watched: Watched) -> None:
    stack = watched.stack
    names = ("claims_total", "cohort_size_sum", "network_steps_total", "jobs", "attempts_total")
    before = {name: counted(watched, f"subgrad_{name}") for name in names}
    ended = stack.ended(stack.post(digits_spec(epochs=4)))
    assert ended["outcome"] == "completed"
    waited_for(watched, "subgrad_attempts_total", 1, before["attempts_total"])
    waited_for(watched, "subgrad_network_steps_total", 4 * STEPS_PER_EPOCH, before[names[2]])
    assert counted(watched, "subgrad_claims_total") == before["claims_total"] + 1
    assert counted(watched, "subgrad_cohort_size_sum") == before["cohort_size_sum"] + 1


def test_how_long_a_cancellation_takes_is_counted(watched: Watched) -> None:
    stack = watched.stack
    before = counted(watched, "subgrad_cancel_latency_seconds_count")
    by_user = counted(watched, "subgrad_attempts_total", reason="user")
    running = stack.post(slow_spec(epochs=10_000))
    stack.wait_for_epoch(running, 1)
    stack.http.post(f"/v1/jobs/{running}/cancel").raise_for_status()
    stack.ended(running)
    waited_for(watched, "subgrad_cancel_latency_seconds_count", 1, before)
    assert counted(watched, "subgrad_attempts_total", reason="user") == by_user + 1


def test_what_is_done_for_a_request_stands_under_its_id_in_every_log(watched: Watched) -> None:
    stack = watched.stack
    asked: dict[str, Any] = {"json": digits_spec(), "headers": {"X-Request-Id": "mine-1"}}
    answer = stack.http.post("/v1/jobs", **asked).raise_for_status()
    job_id = answer.json()["id"]
    stack.ended(job_id)
    (answered,) = watched.lines(event="answered", request_id="mine-1")
    assert (answered["method"], answered["path"], answered["status"]) == ("POST", "/v1/jobs", 202)
    assert answered["job"] == job_id
    assert answered["seconds"] > 0
    (ended,) = watched.lines(event="attempt ended", request_id="mine-1")
    assert (ended["job"], ended["attempt"], ended["reason"]) == (job_id, 1, "completed")
    (claimed,) = watched.lines(event="claimed", attempts={job_id: 1})
    trained = [
        line for event in ("training", "trained") for line in watched.lines(event=event, job=job_id)
    ]
    assert [line["logger"] for line in trained] == ["__main__"] * 2
    assert [line["attempt"] for line in trained] == [1, 1]
    cohort = claimed["cohort"]
    assert re.fullmatch("coh_[0-9a-f]{32}", cohort)
    assert {line["cohort"] for line in (ended, *trained)} == {cohort}
    assert all(line["timestamp"].endswith("Z") and line["level"] for line in watched.lines())


GPU = "GPU-5a6b1c2d-0000-1111-2222-333344445555"
TELLS_OF_ONE = f'case "$*" in *memory*) echo "{GPU}, 512";; *) echo {GPU};; esac'


def test_a_gpu_is_watched_and_what_fails_on_it_is_told_in_one_line_and_counted_to_the_last(
    watched: Watched, tmp_path: Path
) -> None:
    stack = watched.stack
    stack.start("workers", environment={"PATH": path_with_gpus(tmp_path, TELLS_OF_ONE)})
    waited_for(watched, "subgrad_gpu_memory_bytes", 512 << 20, 0, device=GPU)
    # The only worker with a GPU gets it, and its training process finds that there is none.
    job = stack.ended(stack.post(digits_spec(device="cuda")))
    stack.stop("workers")
    assert job["status"] == "failed"
    (failed,) = watched.lines(event="training failed", job=job["id"], attempt=1)
    assert failed["exception"].startswith("Traceback")
    # It stopped before it would have reported again: this is what it told when it went.
    assert counted(watched, "subgrad_attempts_total", reason="internal") == 1


def test_request_claim_and_training_are_spans_of_one_trace(watched: Watched) -> None:
    stack, collector = watched.stack, watched.collector
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "X-Request-Id": "mine-2"}
    answer = stack.http.post("/v1/jobs", json=digits_spec(), headers=headers).raise_for_status()
    other = stack.post(digits_spec(seed=1))
    job_id = answer.json()["id"]
    stack.ended(job_id)
    stack.ended(other)
    wait_for(
        lambda: {job_id, other} <= {s.attributes["subgrad.job"] for s in collector.spans("train")},
        what="the spans of both trainings",
    )
    # Each process sends its own when its half second is over.
    for name in ("POST /v1/jobs", "claim"):
        wait_for(
            lambda: [one for one in collector.spans(name) if one.trace == TRACE],  # noqa: B023
            what=f"that of {name}",
        )
    (request,) = [one for one in collector.spans("POST /v1/jobs") if one.trace == TRACE]
    (claim,) = [one for one in collector.spans("claim") if one.trace == TRACE]
    (training,) = [one for one in collector.spans("train") if one.trace == TRACE]
    assert (request.parent, claim.parent, training.parent) == (PARENT, request.id, claim.id)
    assert [one.process for one in (request, claim, training)] == [
        "subgrad-api",
        "subgrad-worker",
        "subgrad-trainer",
    ]
    assert request.attributes["subgrad.request_id"] == "mine-2"
    assert request.attributes["http.response.status_code"] == 202
    assert claim.attributes["subgrad.job"] == training.attributes["subgrad.job"] == job_id
    assert training.attributes["subgrad.attempt"] == 1
    assert training.attributes["subgrad.outcome"] == "completed"
    assert training.attributes["subgrad.epoch"] == 3
    assert request.began <= claim.began <= claim.ended <= training.began < training.ended
    (theirs,) = [one for one in collector.spans("train") if one.attributes["subgrad.job"] == other]
    assert theirs.trace != TRACE


def test_a_retried_job_stays_in_the_trace_of_the_request_that_made_it(watched: Watched) -> None:
    stack = watched.stack
    headers = {"traceparent": f"00-{RETRIED}-{PARENT}-01"}
    spec = slow_spec(epochs=10_000)
    job_id = stack.http.post("/v1/jobs", json=spec, headers=headers).json()["id"]
    stack.wait_for_epoch(job_id, 1)
    stack.http.post(f"/v1/jobs/{job_id}/cancel").raise_for_status()
    stack.ended(job_id)
    stack.http.post(f"/v1/jobs/{job_id}/retry").raise_for_status()
    stack.wait_for_epoch(job_id, 1)
    stack.http.post(f"/v1/jobs/{job_id}/cancel").raise_for_status()
    stack.ended(job_id)
    trained = wait_for(
        lambda: found if len(found := of_trace(watched, RETRIED)) == 2 else None,
        what="the spans of both attempts",
    )
    assert {one.attributes["subgrad.job"] for one in trained} == {job_id}
    assert [one.attributes["subgrad.attempt"] for one in trained] == [1, 2]


def of_trace(watched: Watched, trace: str) -> list[Seen]:
    return [one for one in watched.collector.spans("train") if one.trace == trace]
