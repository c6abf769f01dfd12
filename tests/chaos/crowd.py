"""SQLite under many: clients that submit, a worker that trains, readers that look at everything."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from service.db import Database, jobs
from service.db.jobs import JobFilter
from service.settings import Settings
from tests.stack import Stack, digits_spec

CLIENTS, READERS = 8, 2


@dataclass(kw_only=True)
class Crowd:
    """What happened."""

    accepted: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Answers that were no acceptance."""
    reads: int = 0
    complaints: list[str] = field(default_factory=list)
    """Lines of the processes' logs, and errors of readers, that speak of a locked database."""
    seconds: float = 0.0


def crowd(settings: Settings, log: Path, *, goes_on: Callable[[Crowd], bool]) -> Crowd:
    """Lets them all work for as long as `goes_on`, then waits until every job has ended."""
    told, over = Crowd(), threading.Event()
    with log.open("wb") as output:
        stack = Stack(settings, log=output)
        try:
            stack.start_all()
            started = time.monotonic()
            with ThreadPoolExecutor(CLIENTS + READERS) as pool:
                crowding = [
                    *(pool.submit(_submit, stack, n, told, over) for n in range(CLIENTS)),
                    *(pool.submit(_read, settings, told, over) for _ in range(READERS)),
                ]
                while goes_on(told) and not any(one.done() for one in crowding):
                    time.sleep(0.05)
                over.set()
                for one in crowding:
                    one.result()  # raises what ended a client before its time
            told.seconds = time.monotonic() - started
            for job_id in told.accepted:
                stack.ended(job_id)
        finally:
            over.set()
            stack.close()
    lines = log.read_text(errors="replace").splitlines()
    told.complaints += [line for line in lines if "locked" in line or "Traceback" in line]
    return told


def _submit(stack: Stack, number: int, told: Crowd, over: threading.Event) -> None:
    base = f"http://127.0.0.1:{stack.settings.port}"
    with httpx.Client(base_url=base, timeout=60) as http:
        while not over.is_set():
            answer = http.post("/v1/jobs", json=digits_spec(epochs=2, seed=number))
            if answer.status_code == httpx.codes.ACCEPTED:
                told.accepted.append(answer.json()["id"])
            else:
                told.refused.append(answer.text)


def _read(settings: Settings, told: Crowd, over: threading.Event) -> None:
    database = Database(settings.resolved_database_url)
    try:
        while not over.is_set():
            with database.reading() as session:
                page = jobs.list_newest_first(session, JobFilter(), before_id=None, limit=50)
                for job in page[:10]:
                    jobs.status_changes(session, job.id)
            told.reads += 1
    except Exception as error:
        told.complaints.append(repr(error))
    finally:
        database.dispose()
