"""The service under a seeded hand that kills its processes at random moments.

Everything is real: processes, kill -9, PostgreSQL or SQLite, Redis or the embedded broker. What
is killed is started again at once, as any init system would.
"""

import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from uuid import uuid4

import httpx
import psutil

from service.db import Database, jobs
from service.domain.states import TERMINAL
from service.settings import Settings
from tests.chaos.reference import chaos_specs
from tests.stack import Stack, wait_for

WORKERS = ("worker 1", "worker 2")
_TRAINERS = "training process"
_MODULES = {
    "api": "service.api",
    "dispatch": "service.dispatch",
    **dict.fromkeys(WORKERS, "workers"),
    "broker": "service.embedded.broker",
}
_WEIGHTS = {_TRAINERS: 7, "worker 1": 3, "worker 2": 3, "api": 4, "dispatch": 3, "broker": 1}

CHAOS = {
    # A lost worker is missed soon, and no number of losses fails a job: only then may every one
    # of them be asked to succeed.
    "lease_s": 3.0,
    "max_attempts": 10_000,
    "republish_s": 1.0,
    # After some epochs of theirs: to go on from a checkpoint is part of the experiment.
    "checkpoint_s": 0.3,
}
"""Settings under which jobs survive any number of kills."""

_GOES_ON = b"going on from checkpoints"
"""What a training process logs that does not start at epoch 0."""


def count_resumes(log: Path) -> int:
    """How many cohorts went on from checkpoints, by the log of a run."""
    return log.read_bytes().count(_GOES_ON)


@dataclass(kw_only=True)
class Tally:
    """What happened in a run."""

    kills: Counter[str] = field(default_factory=Counter)
    accepted: list[str] = field(default_factory=list)
    cancelled: int = 0
    died: list[str] = field(default_factory=list)
    """Processes that ended although nobody had killed them."""
    most_attempts: int = 0
    resumes: int = 0
    seconds: float = 0.0


class Chaos:
    """One run. `servers` are further victims: what kills and restarts each, by its name."""

    def __init__(
        self,
        settings: Settings,
        *,
        seed: int,
        servers: Mapping[str, Callable[[], None]] | None = None,
        log: IO[bytes] | None = None,
    ) -> None:
        self.stack = Stack(settings.model_copy(update=CHAOS), log=log)
        self.tally = Tally()
        self._random = random.Random(seed)
        self._specs, self._servers = chaos_specs(), dict(servers or {})
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def run(self, *, jobs: int, kills: int) -> Tally:
        """Posts the jobs while it kills, then lets the service finish its work."""
        started = time.monotonic()
        for name in _MODULES:
            if name != "broker" or self.stack.settings.uses_embedded_broker:
                self._start(name)
        self.stack.wait_until_ready()
        for kill in range(kills):
            while len(self.tally.accepted) < jobs * (kill + 1) // kills:
                self._post()
            self._maybe_cancel()
            # Not a wait for something to happen: the moment of the kill is the experiment.
            time.sleep(self._random.uniform(0.05, 1.5))
            self._kill_something()
        self._finish()
        self.tally.seconds = time.monotonic() - started
        return self.tally

    def close(self) -> None:
        self.stack.close()

    def _start(self, name: str) -> None:
        self._processes[name] = self.stack.start(_MODULES[name])

    def _post(self) -> None:
        """Submits a job as a careful client does: again, with the same key, until it is told."""
        key, spec = uuid4().hex, self._random.choice(self._specs)

        def accepted() -> str | None:
            self._restart_dead()
            try:
                answer = self.stack.http.post(
                    "/v1/jobs", json=spec, headers={"Idempotency-Key": key}
                )
            except httpx.TransportError:
                return None
            if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                return None
            job_id: str = answer.raise_for_status().json()["id"]
            return job_id

        self.tally.accepted.append(wait_for(accepted, what="the API accepts a job"))

    def _maybe_cancel(self) -> None:
        if self._random.random() > 0.05 or not self.tally.accepted:
            return
        try:
            job_id = self._random.choice(self.tally.accepted[-10:])
            answer = self.stack.http.post(f"/v1/jobs/{job_id}/cancel")
        except httpx.TransportError:
            return  # it may have been heard: the record tells
        self.tally.cancelled += answer.status_code == httpx.codes.ACCEPTED

    def _kill_something(self) -> None:
        weights = {name: weight for name, weight in _WEIGHTS.items() if self._may_die(name)}
        weights |= dict.fromkeys(self._servers, 1)
        victim = self._random.choices(list(weights), list(weights.values()))[0]
        self._restart_dead()
        if victim == _TRAINERS:
            self._kill_trainer()
            return
        if victim in self._servers:
            self._servers[victim]()
        else:
            self._processes[victim].kill()
            self._processes[victim].wait()
            self._start(victim)
        self.tally.kills[victim] += 1

    def _may_die(self, name: str) -> bool:
        return name == _TRAINERS or name in self._processes

    def _kill_trainer(self) -> None:
        trainers = [
            child
            for name in WORKERS
            for child in psutil.Process(self._processes[name].pid).children()
        ]
        if trainers:
            self._random.choice(trainers).kill()
            self.tally.kills[_TRAINERS] += 1

    def _restart_dead(self) -> None:
        for name, process in self._processes.items():
            if process.poll() is not None:
                self.tally.died.append(f"{name} (exit {process.returncode})")
                self._start(name)

    def _finish(self) -> None:
        database = Database(self.stack.settings.resolved_database_url)

        def all_ended() -> bool:
            self._restart_dead()
            with database.reading() as session:
                return all(
                    jobs.glance(session, job_id).status in TERMINAL
                    for job_id in self.tally.accepted
                )

        wait_for(all_ended, what="every accepted job ends", timeout_s=900)
        with database.reading() as session:
            self.tally.most_attempts = max(
                jobs.find(session, job_id).attempt for job_id in self.tally.accepted
            )
        database.dispose()
