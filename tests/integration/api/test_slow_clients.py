"""Clients that take their time: cut off where they hold a connection for nothing."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.servers import free_port
from tests.specs import SMALL
from tests.stack import wait_for

PATIENCE_S = 0.5
HEAD = b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
GIVE_UP_S = 20.0


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[int]:
    """Where an API listens that waits half a second for a request."""
    home = tmp_path_factory.mktemp("slow")
    (home / "subgrad.sqlite3").write_bytes(sqlite_template.read_bytes())
    port = free_port()
    given = {"HOME": home, "PORT": port, "REQUEST_TIMEOUT_S": PATIENCE_S}
    process = subprocess.Popen(
        [sys.executable, "-m", "service.api"],
        env=os.environ | {f"SUBGRAD_{name}": str(value) for name, value in given.items()},
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: _answers(port), what="the API answers")
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").is_success
    except httpx.TransportError:
        return False


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=GIVE_UP_S) as client:
        yield client


def read_to_the_end(client: socket.socket) -> bytes:
    """What comes until the server hangs up; fails where it never does."""
    told = b""
    try:
        while chunk := client.recv(65_536):
            told += chunk
    except ConnectionResetError:
        pass
    return told


@pytest.mark.parametrize("sent", [b"", b"GET", HEAD, b"GET / HTTP/1.1\r\nHost: localhost\r\nX:"])
def test_a_head_that_does_not_end_is_not_waited_for(port: int, sent: bytes) -> None:
    with connected(port) as client:
        client.sendall(sent)
        assert read_to_the_end(client) == b""


def test_a_body_that_does_not_come_is_answered_with_408(port: int) -> None:
    with connected(port) as client:
        client.sendall(HEAD + b"Content-Length: 1000\r\n\r\n{")
        told = read_to_the_end(client)
    assert told.startswith(b"HTTP/1.1 408 ")
    assert b'"code": "request_timeout"' in told


IN_THE_HEAD = HEAD + b"X-Slow: "
IN_THE_BODY = HEAD + b"Content-Length: 100000\r\n\r\n"


@pytest.mark.parametrize("begun", [IN_THE_HEAD, IN_THE_BODY])
def test_one_that_trickles_is_cut_off_all_the_same(port: int, begun: bytes) -> None:
    with connected(port) as client:
        client.sendall(begun)
        client.settimeout(PATIENCE_S / 10)
        for _ in range(1000):
            try:
                client.sendall(b"a")
                if client.recv(65_536) == b"" or begun is IN_THE_BODY:
                    return
            except TimeoutError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                return
    pytest.fail("it was listened to for as long as it liked")


def test_a_second_request_on_a_connection_is_not_waited_for_either(port: int) -> None:
    with connected(port) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        first = client.recv(65_536)
        assert first.startswith(b"HTTP/1.1 200 ")
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost:")
        assert b"HTTP/1.1" not in read_to_the_end(client)


def test_an_answer_may_take_as_long_as_it_takes(port: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=GIVE_UP_S) as http:
        job_id = http.post("/v1/jobs", json=SMALL).raise_for_status().json()["id"]
        with http.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
            lines = stream.iter_lines()
            next(lines)
            with connected(port) as client:  # by when the patience is over
                assert read_to_the_end(client) == b""
            http.post(f"/v1/jobs/{job_id}/cancel").raise_for_status()
            assert any("cancelled" in line for line in lines)
