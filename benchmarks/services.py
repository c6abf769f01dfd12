"""The whole service, up for a benchmark: as it comes, and as compose deploys it."""

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from service.embedded import launcher
from service.observability import logs
from service.settings import Settings
from tests.servers import Postgres, Redis, find_postgres, find_redis, free_port


def services() -> Iterator[tuple[str, httpx.Client]]:
    """Fresh, idle services with their databases' names; each is gone when the next one comes."""
    with service() as http:
        yield "SQLite", http
    programs, program = find_postgres(), find_redis()
    if programs is not None and program is not None:
        with (
            Postgres.running(programs) as postgres,
            Redis.running(program) as redis,
            service(database_url=postgres.url, broker_url=redis.url) as http,
        ):
            yield "PostgreSQL", http


@contextmanager
def service(database_url: str = "", broker_url: str = "") -> Iterator[httpx.Client]:
    """One that is ready to take and train jobs; by default the embedded one."""
    with tempfile.TemporaryDirectory(prefix="subgrad-bench-") as home:
        settings = Settings(
            home=Path(home), port=free_port(), database_url=database_url, broker_url=broker_url
        )
        logs.configure(settings.log_format, level="WARNING")
        with launcher.running(settings, logs=Path(home) / "logs") as watch:
            url = f"http://{settings.host}:{settings.port}"
            launcher.wait_until_ready(url, watch, stop=threading.Event())
            with httpx.Client(base_url=url, timeout=90) as http:
                yield http
