"""A removed job is gone from every table, whether the database sees to it or the service."""

from sqlalchemy import column, func, select, table

from service.db import Database
from service.db.tables import Base
from tests.integration.db.record import epoch, finish, record, remove, running

# Those in which a job has something from its first hundred epochs on.
_FILLED = {"epoch_metrics", "epoch_rollups", "layer_metrics", "unit_activity", "job_statuses"}


def of_job(database: Database, job_id: str) -> dict[str, int]:
    """How many rows each table has of the job, whatever tables there are."""
    with database.reading() as session:
        return {
            name: session.scalar(
                select(func.count()).select_from(table(name)).where(column("job_id") == job_id)
            )
            or 0
            for name, declared in Base.metadata.tables.items()
            if "job_id" in declared.columns
        }


def test_no_table_names_a_job_that_was_removed(database: Database) -> None:
    job_id, held = running(database)
    other, others = running(database)
    for one, theirs in ((job_id, held), (other, others)):
        record(database, theirs, *(epoch(one, n) for n in range(100)))
        finish(database, theirs)
    kept = of_job(database, other)
    assert {name for name, count in of_job(database, job_id).items() if count} >= _FILLED
    remove(database, job_id)
    assert set(of_job(database, job_id).values()) == {0}
    assert of_job(database, other) == kept
