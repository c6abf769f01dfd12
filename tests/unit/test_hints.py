"""Where hints go, and that they are in nobody's way."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from service.db.changes import Changed
from service.hints import Hints, redis_url
from service.settings import Settings


@pytest.mark.parametrize(
    ("broker", "expected"),
    [
        ("redis://10.0.0.1:6379/3", "redis://10.0.0.1:6379/3"),
        ("redis://:s%40cret@redis/0", "redis://:s%40cret@redis/0"),
        ("valkey://redis:6379", "redis://redis:6379"),
        ("rediss://redis/0?ssl_cert_reqs=CERT_REQUIRED", "rediss://redis/0?ssl_cert_reqs=required"),
        ("redis+socket:///run/redis.sock", "unix:///run/redis.sock"),
        ("redis+socket:///run/redis.sock?virtual_host=2", "unix:///run/redis.sock?db=2"),
        ("amqp://guest@rabbit//", None),
        ("sentinel://one:26379;sentinel://two:26379", None),
        ("redis://one;redis://two", None),
    ],
)
def test_hints_go_by_the_brokers_redis(broker: str, expected: str | None) -> None:
    assert redis_url(Settings(broker_url=broker)) == expected


def test_the_embedded_brokers_socket_takes_hints(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert redis_url(settings) == f"unix://{settings.broker_socket}"


_CHANGED = Changed(moved=frozenset({"job_1"}), measured=frozenset({"job_2"}))


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "redis://127.0.0.1:1/0?nonsense=1"])
def test_a_redis_that_is_not_there_is_nobodys_concern(url: str) -> None:
    hints = Hints(Settings(broker_url=url))
    for _ in range(1000):
        hints.tell(_CHANGED)
    hints.close()


def test_what_waits_for_redis_is_bounded() -> None:
    """Also with what was on its way to a Redis that did not take it, and comes back."""
    hints = Hints(Settings(broker_url="redis://127.0.0.1:1/0"))
    most = 0
    for number in range(200):
        on_their_way = hints._take()
        many = frozenset(f"job_{number}_{one}" for one in range(1000))
        measured = frozenset(f"job_{number}_{one}_measured" for one in range(1000))
        hints.tell(Changed(moved=many, measured=measured))
        hints._take_back(on_their_way)
        with hints._lock:
            most = max(most, len(hints._moved) + len(hints._measured))
    assert most == 50_000
    hints.close()


def test_no_hint_keeps_a_process_from_ending() -> None:
    """Redis takes the connection and answers nothing; and nobody has closed the hints."""
    told = (
        "import sys; from service.hints import Hints; from service.settings import Settings\n"
        "from service.db.changes import Changed\n"
        "hints = Hints(Settings(broker_url=sys.argv[1]))\n"
        "hints.tell(Changed(moved=frozenset({'job_1'}), measured=frozenset()))\n"
        "hints._thread.join(0.3)\n"
        "assert hints._thread.is_alive()\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"redis://127.0.0.1:{mute.getsockname()[1]}/0"
        done = subprocess.run([sys.executable, "-c", told, url], timeout=60, check=False)
    assert done.returncode == 0
