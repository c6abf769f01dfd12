"""Jobs that a test trains itself: it holds them, and records what they measured."""

import struct
from typing import Any

from service.db import Database, claims, jobs
from service.domain.events import EpochEvent, UnitActivity
from service.domain.states import JobStatus, Outcome
from tests.integration.db.record import epoch
from tests.specs import job_spec

_LEASE_S = 36_000.0
"""Longer than all of the tests: some look at a job that another recorded."""


def running(database: Database, **spec: Any) -> tuple[str, dict[str, int]]:
    """A job that this test holds. The worker never sees it wait."""
    with database.writing() as session:
        job_id = jobs.submit(session, job_spec(**spec), []).id
        claims.claim(session, job_id, worker_id="wrk_test", limit=1, lease_s=_LEASE_S)
    return job_id, {job_id: 1}


def end(database: Database, held: dict[str, int]) -> None:
    with database.writing() as session:
        claims.finish(session, held, status=JobStatus.SUCCEEDED, outcome=Outcome.COMPLETED)


def told(job_id: str, number: int, **values: Any) -> EpochEvent:
    """An epoch of which no unit was kept."""
    return epoch(job_id, number, **values).model_copy(update={"units": []})


def layered(job_id: str, number: int, **values: Any) -> EpochEvent:
    """An epoch of which these values of its only layer were measured."""
    event = told(job_id, number)
    return event.model_copy(update={"layers": [event.layers[0].model_copy(update=values)]})


def with_units(event: EpochEvent, dead: list[int]) -> EpochEvent:
    unit = UnitActivity.of_bytes(0, struct.pack("<4f", 1.0, 1.0, 1.0, 1.0), bytes(dead))
    return event.model_copy(update={"units": [unit]})
