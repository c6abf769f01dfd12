"""Several processes of the API on one address (SUBGRAD_API_PROCESSES)."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.settings import Settings
from tests.stack import Stack, digits_spec, wait_for


@pytest.fixture
def stack(tmp_path: Path, sqlite_url: str) -> Iterator[Stack]:
    settings = Settings(home=tmp_path, database_url=sqlite_url, api_processes=2)
    stack = Stack(settings)
    yield stack
    stack.close()


@pytest.fixture
def parent(stack: Stack) -> "subprocess.Popen[bytes]":
    parent = stack.start("service.api")
    stack.wait_until_listening()
    wait_for(lambda: len(_serving(parent)) == 2, what="two processes serve")
    return parent


def test_both_serve_and_what_they_count_is_one(
    stack: Stack, parent: "subprocess.Popen[bytes]"
) -> None:
    before = _asked_for_catalog(stack.http)
    with ExitStack() as clients:
        for _ in range(40):
            http = clients.enter_context(httpx.Client(base_url=stack.http.base_url))
            assert http.get("/v1/catalog").status_code == 200
        for one in _serving(parent):
            open_here = [each for each in one.net_connections() if each.status == "ESTABLISHED"]
            assert len(open_here) >= 5  # all on one: once in 10^12 runs
    # Whichever is asked knows of the others' requests, and of no request twice.
    for _ in range(10):
        with httpx.Client(base_url=stack.http.base_url) as http:
            assert _asked_for_catalog(http) == before + 40
    process = _samples(stack.http)
    memory = sum(one.memory_info().rss for one in _serving(parent))
    assert process["process_resident_memory_bytes", ()] == pytest.approx(memory, rel=0.1)
    began = min(one.create_time() for one in _serving(parent))
    assert process["process_start_time_seconds", ()] == pytest.approx(began, abs=2)


def test_a_job_posted_to_one_is_known_to_all(
    stack: Stack, parent: "subprocess.Popen[bytes]"
) -> None:
    job_id = stack.post(digits_spec())
    for _ in range(20):
        with httpx.Client(base_url=stack.http.base_url) as http:
            assert http.get(f"/v1/jobs/{job_id}").json()["status"] == "queued"


def test_one_that_dies_is_started_again(stack: Stack, parent: "subprocess.Popen[bytes]") -> None:
    for _ in range(10):
        with httpx.Client(base_url=stack.http.base_url) as http:
            http.get("/v1/catalog").raise_for_status()
    first = _serving(parent)
    first[0].kill()
    wait_for(
        lambda: len(_serving(parent)) == 2 and first[0] not in _serving(parent), what="another"
    )
    with httpx.Client(base_url=stack.http.base_url) as http:
        http.get("/v1/catalog").raise_for_status()
        assert _asked_for_catalog(http) == 11  # of the dead one, too
        assert _samples(http)["subgrad_http_open_requests", ()] == 1  # this one


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_all_end_at_a_signal_with_streams_open(
    stack: Stack, parent: "subprocess.Popen[bytes]", by: signal.Signals
) -> None:
    serving = _serving(parent)
    job_id = stack.post(digits_spec())
    with stack.http.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
        next(stream.iter_lines())
        stack.stop("service.api", by=by)
    assert (parent.returncode, psutil.wait_procs(serving, timeout=5)[1]) == (0, [])


def test_none_outlives_a_parent_that_was_killed(
    stack: Stack, parent: "subprocess.Popen[bytes]"
) -> None:
    serving = _serving(parent)
    stack.stop("service.api", by=signal.SIGKILL)
    assert psutil.wait_procs(serving, timeout=10)[1] == []
    stack.start("service.api")  # the port is free
    stack.wait_until_listening()


def _serving(parent: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    found = []
    for one in psutil.Process(parent.pid).children():
        try:
            if any(each.status == "LISTEN" for each in one.net_connections()):
                found.append(one)
        except psutil.NoSuchProcess:
            pass
    return found


def _samples(http: httpx.Client) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = http.get("/metrics").raise_for_status().text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _asked_for_catalog(http: httpx.Client) -> float:
    labels = (("method", "GET"), ("route", "/v1/catalog"), ("status", "200"))
    return _samples(http).get(("subgrad_http_requests_total", labels), 0.0)
