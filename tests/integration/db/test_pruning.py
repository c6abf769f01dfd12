"""What has had its time is removed, and nothing else."""

from sqlalchemy import text

from service.db import Database, pruning
from service.domain.states import TERMINAL, JobStatus, Outcome
from tests.integration.db.record import (
    epoch,
    finish,
    members,
    queue,
    queue_sweep,
    record,
    rows,
    running,
    take,
)

DAY_S = 86_400.0
_LONG_AGO = "2020-01-01T00:00:00.000Z"
OLD_ID = "_016f5e66e800"  # the beginning of ids of that moment


def ended(database: Database, status: JobStatus = JobStatus.SUCCEEDED) -> str:
    job_id, held = running(database)
    record(database, held, epoch(job_id, 0), epoch(job_id, 1))
    finish(database, held, status, Outcome.COMPLETED if status == "succeeded" else None)
    return job_id


def age(database: Database, job_id: str) -> str:
    """Lets the job, and what is of it, be of 2020; its new id."""
    old = f"job{OLD_ID}{job_id[-20:]}"
    tables = ("epoch_metrics", "layer_metrics", "unit_activity", "job_statuses")
    with database.writing() as session:
        copied = ", ".join(
            name for (name,) in session.execute(text(_COLUMNS[database.engine.dialect.name]))
        )
        session.execute(
            text(
                f"INSERT INTO jobs (id, finished_at, {copied}) "  # noqa: S608
                f"SELECT :old, '{_LONG_AGO}', {copied} FROM jobs WHERE id = :id"
            ),
            {"old": old, "id": job_id},
        )
        for table in tables:
            session.execute(
                text(f"UPDATE {table} SET job_id = :old WHERE job_id = :id"),  # noqa: S608
                {"old": old, "id": job_id},
            )
        session.execute(text("DELETE FROM jobs WHERE id = :id"), {"id": job_id})
    return old


_COLUMNS = {
    "sqlite": "SELECT name FROM pragma_table_info('jobs') WHERE name NOT IN ('id', 'finished_at')",
    "postgresql": "SELECT column_name FROM information_schema.columns "
    "WHERE table_name = 'jobs' AND column_name NOT IN ('id', 'finished_at')",
}


def prune(
    database: Database, *statuses: JobStatus, older_than_s: float = DAY_S, limit: int = 100
) -> dict[JobStatus, int]:
    with database.writing() as session:
        return pruning.remove_old(
            session, older_than_s=older_than_s, statuses=statuses or TERMINAL, limit=limit
        )


def test_old_jobs_go_with_everything_of_them_and_young_ones_stay(database: Database) -> None:
    old, young = age(database, ended(database)), ended(database)
    waiting = queue(database)
    with database.reading() as session:
        assert pruning.count_old(session, older_than_s=DAY_S) == {"succeeded": 1}
    assert prune(database) == {"succeeded": 1}
    assert {row[0] for row in rows(database, "SELECT id FROM jobs")} == {young, waiting}
    for table in ("epoch_metrics", "layer_metrics", "unit_activity", "job_statuses"):
        assert rows(database, f"SELECT 1 FROM {table} WHERE job_id = :id", id=old) == []  # noqa: S608
        assert rows(database, f"SELECT 1 FROM {table} WHERE job_id = :id", id=young)  # noqa: S608
    assert prune(database) == {}


def test_an_old_job_that_ended_lately_stays(database: Database) -> None:
    old = age(database, ended(database))
    with database.writing() as session:
        session.execute(text("UPDATE jobs SET finished_at = created_at"))
    assert prune(database) == {}
    assert rows(database, "SELECT id FROM jobs") == [(old,)]


def test_only_jobs_in_the_states_asked_for_go(database: Database) -> None:
    kept = age(database, ended(database))
    for status in (JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.FAILED):
        age(database, ended(database, status))
    assert prune(database, JobStatus.FAILED, JobStatus.RUNNING) == {"failed": 2}
    assert prune(database, JobStatus.CANCELLED) == {"cancelled": 1}
    assert rows(database, "SELECT id FROM jobs") == [(kept,)]


def test_no_more_go_at_a_time_than_asked_for_the_oldest_first(database: Database) -> None:
    ids = sorted(age(database, ended(database)) for _ in range(3))
    assert prune(database, limit=2) == {"succeeded": 2}
    assert rows(database, "SELECT id FROM jobs") == [(ids[2],)]


def test_what_studies_and_trials_use_is_kept(database: Database) -> None:
    of_study, of_trial, patient = (age(database, ended(database)) for _ in range(3))
    with database.writing() as session:
        name = text("UPDATE jobs SET study_id = 'std_1' WHERE id = :id")
        session.execute(name, {"id": of_study})
        name = text("UPDATE jobs SET sweep_id = 'swp_1' WHERE id = :id")
        session.execute(name, {"id": of_trial})
        session.execute(
            text(
                "INSERT INTO treatments (job_id, attempt, sweep_id, arms, seeds) "
                "VALUES (:id, 1, 'swp_1', '[]', '[]')"
            ),
            {"id": patient},
        )
    # The trial's jobs go after their patient.
    assert prune(database) == {"succeeded": 1}
    assert rows(database, "SELECT id FROM jobs ORDER BY id") == sorted([(of_study,), (of_trial,)])
    assert prune(database) == {"succeeded": 1}
    assert rows(database, "SELECT id FROM jobs") == [(of_study,)]


def test_a_sweep_goes_when_its_last_member_has_gone(database: Database) -> None:
    sweep_id = queue_sweep(database, {"seed": {"range": 2}})
    for member in members(database, sweep_id):
        finish(database, take(database, member), outcome=Outcome.COMPLETED)

    def sweeps_gone() -> int:
        with database.writing() as session:
            return pruning.remove_empty_sweeps(session, older_than_s=-DAY_S, limit=10)

    assert sweeps_gone() == 0
    # Everything that ended before tomorrow.
    assert prune(database, older_than_s=-DAY_S, limit=1) == {"succeeded": 1}
    assert sweeps_gone() == 0
    assert prune(database, older_than_s=-DAY_S) == {"succeeded": 1}
    assert sweeps_gone() == 1
    assert rows(database, "SELECT id FROM sweeps") == []
