"""`subgrad up` and `subgrad demo`, as the README's commands run them."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from service.queue import broker_is_reachable
from service.settings import Settings
from tests.integration.api.streams import events
from tests.integration.embedded.up import Up
from tests.servers import free_port
from tests.stack import digits_spec, is_alive, wait_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets and signals")


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[list[Up]]:
    """Services that are ended with the test."""
    started: list[Up] = []
    yield started
    for up in started:
        up.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_comes_up_on_a_bare_home_and_ends_with_all_its_processes(
    homes: list[Up], tmp_path: Path, number: signal.Signals
) -> None:
    up = Up(tmp_path / "home", free_port())
    homes.append(up)
    up.wait_until_ready()
    family = up.descendants()
    assert len(family) >= 5
    assert up.end(number) == 0
    wait_for(lambda: not any(map(is_alive, family)), what="no process is left", timeout_s=5)


def test_two_of_them_live_side_by_side(homes: list[Up], tmp_path: Path) -> None:
    for name in ("first", "second"):
        homes.append(Up(tmp_path / name, free_port()))
    for up in homes:
        up.wait_until_ready()
    posted = httpx.post(f"{homes[0].url}/v1/jobs", json=digits_spec()).json()["id"]
    ended = httpx.get(f"{homes[0].url}/v1/jobs/{posted}", params={"wait": 60}, timeout=70).json()
    assert ended["status"] == "succeeded"
    assert httpx.get(f"{homes[1].url}/v1/jobs").json()["data"] == []


def test_its_streams_hear_of_changes_through_the_brokers_socket(
    homes: list[Up], tmp_path: Path
) -> None:
    up = Up(tmp_path, free_port())
    homes.append(up)
    up.wait_until_ready()

    def hears() -> bool:
        return "subgrad_hints_up 1.0" in httpx.get(f"{up.url}/metrics").text

    wait_for(hears, what="hints are heard of")
    posted = httpx.post(f"{up.url}/v1/jobs", json=digits_spec()).json()["id"]
    with httpx.stream("GET", f"{up.url}/v1/jobs/{posted}/events", timeout=60) as response:
        told = [event.label for event in events(response)]
    assert told == ["queued", "running", "0", "1", "2", "3", "succeeded", "end"]
    assert hears()


def test_a_second_one_on_the_same_home_says_so(homes: list[Up], tmp_path: Path) -> None:
    homes.append(Up(tmp_path, free_port()))
    homes[0].wait_until_ready()
    second = Up(tmp_path, free_port())
    homes.append(second)
    assert second.process.wait(20) == 1
    message = second.errors()
    assert "already" in message
    assert "Traceback" not in message


def test_a_port_that_is_taken_is_named(homes: list[Up], tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        up = Up(tmp_path, port)
        homes.append(up)
        assert up.process.wait(20) == 1
    message = up.errors()
    assert str(port) in message
    assert "SUBGRAD_PORT" in message
    assert "Traceback" not in message


def test_a_process_that_dies_is_started_again(homes: list[Up], tmp_path: Path) -> None:
    up = Up(tmp_path, free_port())
    homes.append(up)
    up.wait_until_ready()
    before = set(up.descendants())
    for process in before:
        if "service.api" in process.cmdline():
            process.kill()
    wait_for(lambda: up.is_ready() and set(up.descendants()) - before, what="a new API answers")


def test_a_broker_that_is_killed_leaves_no_server_behind(tmp_path: Path) -> None:
    """Two servers on one socket would each have some of the clients: a worker that is on the one
    and hears itself there never hears what is sent to the other."""
    settings = Settings(home=tmp_path)
    name = str(settings.broker_socket)

    def servers() -> list[psutil.Process]:
        everybody = psutil.process_iter(["cmdline"])
        return [one for one in everybody if name in " ".join(one.info["cmdline"] or [])]

    for _ in range(3):
        broker = subprocess.Popen(
            [sys.executable, "-m", "service.embedded.broker"], env=settings.as_environment()
        )
        wait_for(lambda: broker_is_reachable(settings), what="the broker answers")
        assert [one.pid for one in servers()] == [broker.pid]
        broker.kill()
        broker.wait()
        assert servers() == []
        assert not broker_is_reachable(settings)


def test_a_home_with_a_long_path_works(homes: list[Up], tmp_path: Path) -> None:
    up = Up(tmp_path / ("a" * 100), free_port())
    homes.append(up)
    up.wait_until_ready()


def test_the_demo_shows_four_jobs_and_ends_and_can_be_run_again(tmp_path: Path) -> None:
    environment = Settings(home=tmp_path, port=free_port()).as_environment()
    for _ in range(2):
        demo = subprocess.run(
            [sys.executable, "-m", "service.cli", "demo"],
            env=environment | {"COLUMNS": "160"},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert demo.returncode == 0, demo.stderr
        for expected in ("relu'(0) = 0.5", "kink hits", "learning rate 1", "Verdict: ", "/docs"):
            assert expected in demo.stdout
        assert "Traceback" not in demo.stderr
