"""What the tests of the record do again and again, each in a transaction of its own."""

import struct
from collections.abc import Mapping
from typing import Any

from sqlalchemy import text

from service.db import Database, claims, jobs, metrics, retries, sweeps
from service.domain.events import EpochEvent, UnitActivity
from service.domain.job import Job, StatusChange
from service.domain.limits import Limits
from service.domain.metrics import EPOCH_COLUMNS, LAYER_COLUMNS, EpochMetrics, LayerMetrics
from service.domain.states import JobStatus, Outcome
from service.domain.sweep import SweepSpec
from service.planning import expand
from tests.specs import SMALL, job_spec

LEASE_S = 60.0
"""Longer than any test: a lease runs out only where `lapse` makes it."""


def queue(database: Database, **spec: Any) -> str:
    """A fresh queued job."""
    with database.writing() as session:
        return jobs.submit(session, job_spec(**spec), []).id


def queue_sweep(database: Database, axes: dict[str, Any], **sweep: Any) -> str:
    """A fresh sweep over SMALL."""
    posted = SweepSpec.model_validate({"base": SMALL, "axes": axes} | sweep)
    found = expand(posted, Limits(), lambda error: [])  # a base that is no spec fails the test
    with database.writing() as session:
        made = sweeps.submit(session, posted, [(one.spec, one.warnings) for one in found])
    return made.id


def members(database: Database, sweep_id: str) -> list[str]:
    """The jobs of the sweep, in the order of its points."""
    with database.reading() as session:
        found = session.execute(
            text("SELECT id FROM jobs WHERE sweep_id = :id ORDER BY sweep_index"), {"id": sweep_id}
        )
        return [row[0] for row in found]


def take(
    database: Database, job_id: str, *, limit: int = 1, lease_s: float = LEASE_S
) -> dict[str, int]:
    """Claims the job, and others of its cohort where the limit allows: attempt by job id."""
    with database.writing() as session:
        claimed = claims.claim(session, job_id, worker_id="wrk_1", limit=limit, lease_s=lease_s)
    return {one.job_id: one.attempt for one in claimed}


def running(database: Database, **spec: Any) -> tuple[str, dict[str, int]]:
    """A fresh job, claimed."""
    job_id = queue(database, **spec)
    return job_id, take(database, job_id)


def lapse(database: Database, *job_ids: str) -> None:
    """Lets the leases run out, by the database's clock."""
    elapsed = (
        "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-1 seconds')"
        if database.engine.dialect.name == "sqlite"
        else "clock_timestamp() - interval '1 second'"
    )
    with database.writing() as session:
        for job_id in job_ids:
            session.execute(
                text(
                    f"UPDATE jobs SET lease_expires_at = {elapsed} "  # noqa: S608
                    "WHERE id = :id AND status = 'running'"
                ),
                {"id": job_id},
            )


def reap(database: Database, *, max_attempts: int = 3) -> list[str]:
    with database.writing() as session:
        return list(claims.give_up_on_silent_workers(session, max_attempts=max_attempts))


def cancel(database: Database, job_id: str) -> Job:
    with database.writing() as session:
        return jobs.cancel(session, job_id)


def retry(database: Database, job_id: str) -> Job:
    with database.writing() as session:
        return retries.retry(session, job_id)


def remove(database: Database, job_id: str) -> None:
    with database.writing() as session:
        retries.remove(session, job_id)


def finish(
    database: Database,
    held: Mapping[str, int],
    status: JobStatus = JobStatus.SUCCEEDED,
    outcome: Outcome | None = None,
) -> set[str]:
    with database.writing() as session:
        return claims.finish(session, held, status=status, outcome=outcome)


def hand_back(database: Database, held: Mapping[str, int]) -> None:
    with database.writing() as session:
        claims.hand_back(session, held)


def record(database: Database, held: Mapping[str, int], *events: EpochEvent) -> set[str]:
    with database.writing() as session:
        return metrics.record_epochs(session, held, events)


def find(database: Database, job_id: str) -> Job:
    with database.reading() as session:
        return jobs.find(session, job_id)


def history(database: Database, job_id: str) -> list[StatusChange]:
    with database.reading() as session:
        return jobs.status_changes(session, job_id)


def announced(database: Database) -> set[str]:
    """The jobs in the outbox, due or not."""
    with database.reading() as session:
        return set(session.scalars(text("SELECT job_id FROM outbox")))


def rows(database: Database, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with database.reading() as session:
        return [tuple(row) for row in session.execute(text(query), parameters)]


def epoch(member: str, number: int, *, layers: int = 1, **values: Any) -> EpochEvent:
    """An epoch of the member in which nothing was measured but the given values."""
    nothing = dict.fromkeys(EPOCH_COLUMNS) | {"epoch": number}
    blank = dict.fromkeys(LAYER_COLUMNS) | {"epoch": number, "units": 4}
    return EpochEvent(
        member=member,
        step=number * 10,
        metrics=EpochMetrics.model_validate(nothing | values),
        layers=[LayerMetrics.model_validate(blank | {"layer": i}) for i in range(layers)],
        units=[
            UnitActivity.of_bytes(i, struct.pack("<2f", 0.5 * number, 0.0), bytes([0, 1]))
            for i in range(layers)
        ],
    )
