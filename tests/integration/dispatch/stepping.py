"""Studies advanced step by step: the test is the conductor and the worker."""

from functools import partial
from typing import Any

from sqlalchemy import text

from service.artifacts import Store, read
from service.db import Database, studies, study_moves
from service.db.evidence import EvidenceReader
from service.db.study_moves import HeldStudy
from service.dispatch import conductor
from service.domain.findings import Findings, Kind
from service.domain.limits import Limits
from service.domain.states import JobStatus, Outcome
from service.domain.study import Scale, Study, StudySpec
from service.studies import Evidence, Notebook, Options, Sweeps, Template, find_template, sweep
from tests.integration.db import record
from tests.specs import SMALL

LEASE_S = 60.0


class Counting(Template[Options]):
    """A claim that is true: the loss is above 0."""

    number = 100
    name = "counting"
    claim = "The loss is above 0."
    source = "tests"
    scales = dict.fromkeys(Scale, Options(seeds=3))

    rounds = 1
    fault: Exception | None = None

    def plan(self, options: Options) -> Sweeps:
        return {"round-1": sweep(SMALL, {}, seeds=options.seeds)}

    def follow_up(self, options: Options, evidence: Evidence) -> Sweeps:
        done = len(evidence.sweeps)
        if done >= self.rounds:
            return {}
        return {f"round-{done + 1}": sweep(SMALL, {}, seeds=options.seeds)}

    def conclude(self, options: Options, evidence: Evidence, notebook: Notebook) -> None:
        if self.fault is not None:
            raise self.fault
        losses = evidence.runs("round-1").sample("train_loss")
        notebook.claim(self.claim, losses, quantity="loss", above=0.0)
        everywhere = evidence.runs("round-1").share(lambda run: (run.last("train_loss") or 0) > 0)
        notebook.table("share", ["positive"], [[notebook.estimate(everywhere, Kind.SHARE)]])


def post(database: Database, template: str = "counting", **overrides: Any) -> str:
    """A fresh study."""
    spec = StudySpec(template=template, overrides=overrides)
    found = find_template(template)
    options = found.options(spec.scale, overrides).model_dump(mode="json")
    with database.writing() as session:
        return studies.submit(session, spec, claim=found.claim, options=options).id


def advance(database: Database, *, lease_s: float = LEASE_S, max_queued: int = 1000) -> bool:
    return conductor.advance_one(
        database, Store(""), Limits(), lease_s=lease_s, max_queued=max_queued
    )


def take(database: Database, *, lease_s: float = LEASE_S) -> HeldStudy | None:
    with database.writing() as session:
        return study_moves.take_due(session, lease_s=lease_s)


def find(database: Database, study_id: str) -> Study:
    with database.reading() as session:
        return studies.find(session, study_id)


def findings(database: Database, study_id: str) -> Findings:
    with database.reading() as session:
        return studies.read_findings(session, study_id)[1]


def jobs_of(database: Database, study_id: str) -> list[str]:
    found = record.rows(
        database, "SELECT id FROM jobs WHERE study_id = :id ORDER BY id", id=study_id
    )
    return [row[0] for row in found]


def train(
    database: Database,
    job_ids: list[str],
    *,
    loss: float | None = None,
    status: JobStatus = JobStatus.SUCCEEDED,
    outcome: Outcome = Outcome.COMPLETED,
) -> None:
    """Ends the jobs, each with a loss of its own unless one is given."""
    for at, job_id in enumerate(job_ids):
        held = record.take(database, job_id)
        measured = 0.5 + 0.01 * at if loss is None else loss
        record.record(database, held, record.epoch(job_id, 3, train_loss=measured))
        record.finish(database, held, status, outcome if status is JobStatus.SUCCEEDED else None)


def lapse(database: Database) -> None:
    """Whoever holds a study is dead, as its lease tells; what was put off is due."""
    past = (
        "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-1 seconds')"
        if database.engine.dialect.name == "sqlite"
        else "clock_timestamp() - interval '1 second'"
    )
    with database.writing() as session:
        session.execute(text(f"UPDATE studies SET due_at = {past}"))  # noqa: S608
        session.execute(
            text(
                f"UPDATE studies SET lease_expires_at = {past} "  # noqa: S608
                "WHERE lease_expires_at IS NOT NULL"
            )
        )


def evidence(database: Database, study_id: str) -> Evidence:
    reader = EvidenceReader(database, partial(read, database, Store("")))
    return Evidence(reader, find(database, study_id).sweeps)
