"""How long a silent cut goes unnoticed: `python -m tests.integration.network`, as root.

docs/reliability.md holds the figures.
"""

import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from sqlalchemy import text

from service.db import UNAVAILABLE, Database
from service.db.migrate import upgrade
from service.queue import BROKER_ERRORS, TrainQueue, broker_is_reachable
from service.settings import Settings
from tests.integration.network.site import CORE, LEFT
from tests.servers import Network, Postgres, Redis, find_postgres, find_redis
from tests.stack import wait_for

WARM_UP_S = 1.5


def main() -> None:
    programs, program = find_postgres(), find_redis()
    if programs is None or program is None:
        raise SystemExit("No PostgreSQL or no Redis here: `make install` brings both.")
    with Network.running(CORE, LEFT) as network, network.inside(CORE):
        address = network.address(CORE)
        with (
            Postgres.running(programs, address) as postgres,
            Redis.running(program, address) as redis,
            tempfile.TemporaryDirectory() as home,
        ):
            _cut_from_postgres(network, postgres)
            _cut_from_redis(
                network, redis, Settings(home=Path(home), broker_url=redis.url, queue="q")
            )


def _cut_from_postgres(network: Network, postgres: Postgres) -> None:
    here = Database(postgres.url)
    upgrade(here)
    with network.inside(LEFT), ThreadPoolExecutor(8) as pool:  # whose threads are there, too
        there = Database(postgres.url)
        resting = [pool.submit(_hold, there) for _ in range(4)]
        for one in resting:
            one.result()
        waiting = pool.submit(_until_error, lambda: _ask(there, "SELECT pg_sleep(120)"))
        locking = there.engine.connect()
        locking.execute(text("SELECT pg_advisory_xact_lock(1)"))
        time.sleep(WARM_UP_S)
        with network.dropping(LEFT, postgres.port):
            began = time.monotonic()
            pinging = pool.submit(_until_error, there.ping)
            with network.inside(CORE):
                wait_for(lambda: _lock_is_free(here), what="the lock is free", timeout_s=60)
            _tell("PostgreSQL frees the locks of a transaction", time.monotonic() - began)
            _tell("an answer that is awaited", waiting.result() - WARM_UP_S)
            _tell("a resting connection, until the caller is told", pinging.result())
            first = pool.submit(_until_error, there.ping)
            time.sleep(0.5)
            _tell("a caller while another one tries", _until_error(there.ping))
            _tell("a caller who tries", first.result())
        began = time.monotonic()
        wait_for(lambda: _answers(there), what="the database answers again")
        _tell("until it is used again after the cut", time.monotonic() - began)
        with suppress(*UNAVAILABLE):
            locking.close()
        there.dispose()
    here.dispose()


def _cut_from_redis(network: Network, redis: Redis, settings: Settings) -> None:
    with network.inside(LEFT):
        queue = TrainQueue(settings)
        queue.announce("job")
        with network.dropping(LEFT, redis.port):
            _tell("an announcement on an open connection", _until_error(_announce(queue)))
            _tell("an announcement on a new one", _until_error(_announce(queue)))
            began = time.monotonic()
            broker_is_reachable(settings)
            _tell("the broker as /readyz asks for it", time.monotonic() - began)
        queue.close()


def _hold(database: Database) -> None:
    with database.engine.connect() as connection:
        connection.execute(text("SELECT pg_sleep(0.2)"))


def _ask(database: Database, query: str) -> None:
    with database.engine.connect() as connection:
        connection.execute(text(query))


def _answers(database: Database) -> bool:
    try:
        database.ping()
    except UNAVAILABLE:
        return False
    return True


def _lock_is_free(database: Database) -> bool:
    with database.engine.connect() as connection:
        return bool(connection.scalar(text("SELECT pg_try_advisory_xact_lock(1)")))


def _announce(queue: TrainQueue) -> Callable[[], None]:
    return lambda: queue.announce("job")


def _until_error(call: Callable[[], None]) -> float:
    began = time.monotonic()
    with suppress(*UNAVAILABLE, *BROKER_ERRORS):
        call()
        raise SystemExit("was answered although it was cut off")
    return time.monotonic() - began


def _tell(what: str, seconds: float) -> None:
    print(f"{what}: {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
