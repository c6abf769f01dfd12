"""How often a key may ask."""

import subprocess
import sys
from collections.abc import Callable

import httpx
import pytest
from fastapi import FastAPI

from service.api.rates import Rates
from service.db import Database
from service.settings import Settings
from tests.integration.api.owners import make_key, notice_keys, signed_in
from tests.integration.api.problems import problem
from tests.servers import free_port


def test_a_key_that_asks_too_often_is_told_when_to_come_back(
    app: FastAPI, served: tuple[FastAPI, str], database: Database, settings: Settings
) -> None:
    tokens = [make_key(database, name)[1] for name in ("greedy", "modest")]
    notice_keys(app)
    kept, app.state.rates = app.state.rates, Rates(settings.model_copy(update={"rate": "3/hour"}))
    try:
        with signed_in(served[1], tokens[0]) as greedy, signed_in(served[1], tokens[1]) as modest:
            for _ in range(3):
                assert greedy.get("/v1/jobs").status_code == 200
            refused: httpx.Response = greedy.get("/v1/jobs")
            problem(refused, "too_many_requests")
            assert 1 <= int(refused.headers["retry-after"]) <= 3600
            assert modest.get("/v1/jobs").status_code == 200
    finally:
        app.state.rates = kept


Make = Callable[[str], Rates]


@pytest.fixture
def make(settings: Settings) -> Make:
    return lambda url: Rates(settings.model_copy(update={"rate": "2/hour", "broker_url": url}))


def count(rates: Rates, times: int) -> list[bool]:
    return [rates.wait_s("key_1") is None for _ in range(times)]


def test_processes_with_one_redis_count_together(make: Make, broker_url: str) -> None:
    one, other = make(broker_url), make(broker_url)
    assert count(one, 1) + count(other, 2) == [True, True, False]


def test_without_redis_each_counts_for_itself(make: Make) -> None:
    rates = make(f"redis://127.0.0.1:{free_port()}/0")
    assert count(rates, 3) == [True, True, False]
    assert count(make("amqp://127.0.0.1"), 3) == [True, True, False]


def test_a_service_may_set_no_bound(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = settings.model_copy(update={"rate": "none"}).as_environment()
    for name in ("SUBGRAD_HOME", "SUBGRAD_RATE"):
        monkeypatch.setenv(name, environment[name])
    assert all(count(Rates(Settings()), 200))


_WHILE_IMPORTING = """
import sys, threading, time
from service.api.rates import Rates
from service.settings import Settings

begun = threading.Event()

def be_slow(event, given):
    if event == "import" and given[0] == "redis.backoff":
        begun.set()
        time.sleep(0.5)

assert "redis" not in sys.modules
sys.addaudithook(be_slow)
threading.Thread(target=__import__, args=("redis",)).start()
begun.wait()
assert Rates(Settings(broker_url="redis://127.0.0.1:1/0", rate="1/hour")).wait_s("key_1") is None
"""


def test_the_first_request_may_come_while_others_still_import_the_client() -> None:
    """As hints and streams do, on threads of theirs."""
    subprocess.run([sys.executable, "-c", _WHILE_IMPORTING], check=True, timeout=60)
