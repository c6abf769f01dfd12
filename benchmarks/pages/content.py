"""What the pages show: jobs of 5,000 epochs and sweeps of 1,000 members, posted by HTTP, trained
once by the engine, and recorded as a worker records. Knows no browser."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from service.db import Database, claims, metrics
from service.domain.events import EpochEvent
from service.domain.spec import JobSpec
from service.domain.states import JobStatus, Outcome
from workers.training import Cohort, Member, select_device, train

EPOCHS, WIDTH = 5000, 64
_LEASE_S = 3600.0
_EVERY_S = 0.1
_PACE = 2
_BATCH = 500
_SPEC: dict[str, Any] = {
    "dataset": {"name": "digits"},
    "network": {"kind": "mlp", "hidden": [WIDTH] * 3},
    "activation": {"name": "relu"},
    "loss": {"name": "cross_entropy"},
    "optimizer": {"name": "sgd", "learning_rate": 0.3},
    "epochs": EPOCHS,
}
_AXES: dict[str, Any] = {
    "optimizer.learning_rate": {"logspace": [0.01, 1, 25]},
    "activation.derivative_at_zero": [0, 0.25, 0.5, 1],
    "seed": {"range": 10},
}
_FINE_AXES: dict[str, Any] = {
    "optimizer.learning_rate": {"logspace": [0.01, 1, 50]},
    "activation.derivative_at_zero": {"linspace": [0, 1, 20]},
}
_MEMBER_EPOCHS = 10


@dataclass(frozen=True, kw_only=True)
class Content:
    """What is looked at, by id, and what a job measures: the events of one that was trained."""

    ended: tuple[str, str]
    sweep: str
    fine_sweep: str
    events: Sequence[EpochEvent]


class Recording:
    """Writes what the engine told, of one job for whichever is wanted, as the recorder does."""

    def __init__(self, http: httpx.Client, database: Database) -> None:
        self._http, self._database = http, database

    def post_job(self, **changes: Any) -> str:
        """Submits a job and claims it."""
        job = self._http.post("/v1/jobs", json=_SPEC | changes).raise_for_status().json()
        self.claim(job["id"])
        job_id: str = job["id"]
        return job_id

    def post_sweep(self, axes: Any) -> tuple[str, list[str]]:
        """Submits a sweep and claims all its members; their ids."""
        body = {"base": _SPEC | {"epochs": _MEMBER_EPOCHS}, "axes": axes}
        sweep = self._http.post("/v1/sweeps", json=body).raise_for_status().json()
        newest = {"sweep_id": sweep["id"], "limit": 1}
        (head,) = self._http.get("/v1/jobs", params=newest).raise_for_status().json()["data"]
        return sweep["id"], self.claim(head["id"], limit=sweep["members"])

    def claim(self, job_id: str, *, limit: int = 1) -> list[str]:
        with self._database.writing() as session:
            claimed = claims.claim(
                session, job_id, worker_id="wrk_benchmark", limit=limit, lease_s=_LEASE_S
            )
        assert len(claimed) == limit
        return [one.job_id for one in claimed]

    def write(
        self, job_ids: Sequence[str], events: Sequence[EpochEvent], *, first: int = 0
    ) -> None:
        """Records the events for each job, as its epochs from `first` on."""
        with self._database.writing() as session:
            told = [
                event.model_copy(
                    update={
                        "member": job_id,
                        "metrics": event.metrics.model_copy(update={"epoch": first + at}),
                        "layers": [
                            layer.model_copy(update={"epoch": first + at}) for layer in event.layers
                        ],
                    }
                )
                for job_id in job_ids
                for at, event in enumerate(events)
            ]
            metrics.record_epochs(session, dict.fromkeys(job_ids, 1), told)

    def write_all(self, job_id: str, events: Sequence[EpochEvent]) -> None:
        for first in range(0, len(events), _BATCH):
            self.write([job_id], events[first : first + _BATCH], first=first)

    def end(self, job_ids: Sequence[str]) -> None:
        with self._database.writing() as session:
            held = dict.fromkeys(job_ids, 1)
            claims.finish(session, held, status=JobStatus.SUCCEEDED, outcome=Outcome.COMPLETED)


def fill(recording: Recording) -> Content:
    """Everything that has ended: two jobs of 5,000 epochs, and two sweeps of 1,000 members, one of
    100 cells of 10 seeds and one of 1,000 cells."""
    jobs = []
    for seed, events in enumerate(_train(2)):
        job_id = recording.post_job(seed=seed)
        recording.write_all(job_id, events)
        recording.end([job_id])
        jobs.append(job_id)
    sweeps = []
    for axes in (_AXES, _FINE_AXES):
        sweep_id, members = recording.post_sweep(axes)
        _measure_members(recording, members, events)
        recording.end(members)
        sweeps.append(sweep_id)
    return Content(ended=(jobs[0], jobs[1]), sweep=sweeps[0], fine_sweep=sweeps[1], events=events)


def _train(many: int) -> list[list[EpochEvent]]:
    """What so many jobs measure, of as many seeds."""
    specs = [JobSpec.model_validate(_SPEC | {"seed": seed}) for seed in range(many)]
    members = tuple(Member(id=str(seed), spec=spec) for seed, spec in enumerate(specs))
    told = train(Cohort(members=members), device=select_device("cpu"), threads=2)
    epochs = [event for event in told if isinstance(event, EpochEvent)]
    return [[one for one in epochs if one.member == member.id] for member in members]


def _measure_members(
    recording: Recording, members: Sequence[str], events: Sequence[EpochEvent]
) -> None:
    """Each member gets epochs of its own: those of the trained job from another place on."""
    for at, member in enumerate(members):
        recording.write([member], events[at : at + _MEMBER_EPOCHS + 1])


@contextmanager
def running_job(recording: Recording, content: Content) -> Iterator[str]:
    """A job of 5,000 epochs that goes on: 2 epochs every 100 ms."""
    job_id = recording.post_job(seed=2, epochs=2 * EPOCHS)
    recording.write_all(job_id, content.events)
    done = threading.Event()

    def go_on() -> None:
        epoch = len(content.events)
        while not done.wait(_EVERY_S):
            recording.write([job_id], content.events[:_PACE], first=epoch)
            epoch += _PACE

    yield from _meanwhile(job_id, go_on, done)
    recording.end([job_id])


@contextmanager
def running_sweep(recording: Recording, content: Content) -> Iterator[str]:
    """A sweep of 1,000 members that run: one ends every 100 ms."""
    sweep_id, members = recording.post_sweep(_AXES)
    ended = members[: len(members) // 2]
    _measure_members(recording, members, content.events)
    recording.end(ended)
    waiting = iter(members[len(members) // 2 :])
    done = threading.Event()

    def go_on() -> None:
        while not done.wait(_EVERY_S):
            recording.end([next(waiting)])

    yield from _meanwhile(sweep_id, go_on, done)
    recording.end(list(waiting))


def _meanwhile(value: str, work: Any, done: threading.Event) -> Iterator[str]:
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield value
    finally:
        done.set()
        thread.join()
