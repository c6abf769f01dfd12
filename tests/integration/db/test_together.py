"""Jobs stored in one transaction: what they share, and what they do not."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError, OperationalError

from service.db import Database, jobs
from service.db.audit import Actor
from service.db.posting import NewJob, Origin, Submission
from service.db.together import Stored
from service.domain.errors import QueueFull
from service.domain.ids import new_id
from service.domain.job import Job
from tests.integration.db.record import rows
from tests.specs import job_spec


def asked(**changes: Any) -> Submission:
    new = NewJob(id=new_id("job"), spec=job_spec(), warnings=[])
    return replace(Submission(new=new, owner="default", priority=0, max_queued=None), **changes)


def ids(stored: list[Stored]) -> list[str]:
    return [one.id for one in stored if isinstance(one, Job)]


def test_jobs_share_one_transaction_and_on_postgresql_one_statement(database: Database) -> None:
    commits: list[None] = []
    statements: list[str] = []
    event.listen(database.engine, "commit", lambda _: commits.append(None))

    @event.listens_for(database.engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        statements.append(statement)

    group = [asked(priority=place) for place in range(10)]
    stored = database.store_together(group)
    assert len(commits) == 1
    if database.engine.dialect.name == "postgresql":
        assert len([one for one in statements if "INSERT" in one]) == 1
    event.remove(database.engine, "before_cursor_execute", note)
    assert ids(stored) == [one.new.id for one in group]
    found = "SELECT id, precedence, status, status_seq, attempt FROM jobs ORDER BY precedence DESC"
    assert rows(database, found) == [
        (one.new.id, -place, "queued", 1, 0) for place, one in enumerate(group)
    ]
    for table in ("outbox", "job_statuses"):
        assert sorted(rows(database, f"SELECT job_id FROM {table}")) == sorted(  # noqa: S608
            (one.new.id,) for one in group
        )


def test_what_is_answered_is_what_is_stored(database: Database) -> None:
    spec = job_spec(name='\u00fcber "quoted" \\ {x}', seed=2**31)
    origin = Origin(request_id="req_1", traceparent="00-1-2-01")
    new = NewJob(id=new_id("job"), spec=spec, warnings=[])
    (stored,) = database.store_together([asked(new=new, origin=origin, priority=7)])
    assert isinstance(stored, Job)
    with database.reading() as session:
        assert jobs.find(session, stored.id) == stored
    assert (stored.spec, stored.priority) == (spec, 7)
    assert rows(database, "SELECT request_id, traceparent FROM jobs") == [("req_1", "00-1-2-01")]


def test_the_queue_is_full_for_those_who_come_too_late_alone(database: Database) -> None:
    stored = database.store_together([asked(max_queued=3) for _ in range(5)])
    assert [type(one) for one in stored] == [Job] * 3 + [QueueFull] * 2
    assert sorted(rows(database, "SELECT id FROM jobs")) == sorted((one,) for one in ids(stored))
    # Each has its own bound.
    stored = database.store_together([asked(max_queued=3), asked(max_queued=9), asked()])
    assert [type(one) for one in stored] == [QueueFull, Job, Job]


def test_a_fault_of_one_is_no_other_ones(database: Database) -> None:
    group = [asked() for _ in range(4)]
    (first,) = ids(database.store_together(group[:1]))
    stored = database.store_together(group)  # the first of which is there already
    assert isinstance(stored[0], IntegrityError)
    assert ids(stored) == [one.new.id for one in group[1:]]
    assert rows(database, "SELECT count(*) FROM jobs") == [(4,)]
    assert rows(database, "SELECT count(*) FROM outbox") == [(4,)]
    assert first == group[0].new.id


def test_where_the_database_stops_answering_nobody_is_told_that_it_did(
    postgresql_url: str,
) -> None:
    database, other = Database(postgresql_url), Database(postgresql_url)

    @event.listens_for(database.engine, "before_cursor_execute")
    def hang_up(connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        if "INSERT" in statement:
            pid = connection.connection.dbapi_connection.info.backend_pid
            with other.writing() as session:
                session.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})

    group = [asked() for _ in range(3)]
    assert [type(one) for one in database.store_together(group)] == [OperationalError] * 3
    event.remove(database.engine, "before_cursor_execute", hang_up)
    assert rows(database, "SELECT count(*) FROM jobs") == [(0,)]
    assert ids(database.store_together(group[:1]))
    database.dispose()
    other.dispose()


@pytest.mark.parametrize("full", [False, True])
def test_each_is_in_the_log_by_its_own_name(database: Database, *, full: bool) -> None:
    def of(owner: str, **changes: Any) -> Submission:
        actor = Actor(owner=owner, key_id=f"key_{owner}", method="POST", path="/", request_id="r")
        view = database.seen_by(owner, actor)
        new = NewJob(id=new_id("job"), spec=job_spec(), warnings=[])
        return view.submission(new, owner=owner, **changes)

    group = [of("ada"), of("emmy", max_queued=0 if full else None), asked()]
    stored = database.store_together(group)
    logged = rows(database, "SELECT owner, key_id, resource_id FROM audit_log ORDER BY owner")
    # Whoever was refused has changed nothing.
    assert logged == [("ada", "key_ada", group[0].new.id)] + (
        [] if full else [("emmy", "key_emmy", group[1].new.id)]
    )
    assert rows(database, "SELECT owner FROM jobs ORDER BY id") == [
        (one.owner,) for one, made in zip(group, stored, strict=True) if isinstance(made, Job)
    ]
