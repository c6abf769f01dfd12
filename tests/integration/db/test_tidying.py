"""What dispatch removes in time, and what it looks after."""

import pytest
from sqlalchemy import text

from service.db import Database, audit, datasets, jobs
from service.db.audit import Actor
from service.dispatch.tidying import tidy
from service.domain.errors import IdempotencyConflict
from service.settings import Settings
from tests.integration.db.record import rows
from tests.specs import job_spec


def post(database: Database, key: str, digest: str, owner: str = "default") -> str:
    with database.writing() as session:
        return jobs.submit(session, job_spec(), [], owner=owner, idempotency=(key, digest)).id


def test_an_idempotency_key_is_forgotten_in_time(settings: Settings, database: Database) -> None:
    first, other = post(database, "old", "a"), post(database, "young", "a")
    with database.writing() as session:
        long_ago = "UPDATE idempotency_keys SET created_at = '2026-01-01T00:00:00.000Z'"
        session.execute(text(f"{long_ago} WHERE key = 'old'"))
    tidy(database, settings)
    assert rows(database, "SELECT key FROM idempotency_keys") == [("young",)]
    assert post(database, "old", "b") != first
    assert post(database, "young", "a") == other
    with pytest.raises(IdempotencyConflict):
        post(database, "young", "b")


def log_a_change(database: Database, path: str) -> None:
    actor = Actor(owner="ada", key_id="key_1", method="POST", path=path, request_id="req_1")
    with database.writing() as session:
        audit.record(session, actor)


def test_the_audit_log_forgets_what_is_older_than_it_is_to_be(
    settings: Settings, database: Database
) -> None:
    log_a_change(database, "/old")
    with database.writing() as session:
        session.execute(text("UPDATE audit_log SET at = '2025-01-01T00:00:00.000Z'"))
    log_a_change(database, "/young")
    tidy(database, settings.model_copy(update={"audit_days": 0.0}))
    assert len(rows(database, "SELECT path FROM audit_log")) == 2
    tidy(database, settings)
    assert rows(database, "SELECT path FROM audit_log") == [("/young",)]


def test_owners_keys_do_not_meet_however_they_are_spelt(database: Database) -> None:
    made = post(database, "k", "a", owner="ada")
    ((stored,),) = rows(database, "SELECT key FROM idempotency_keys")
    assert post(database, "k", "b", owner="grace") != made
    with pytest.raises(IdempotencyConflict):
        post(database, stored, "a")


def test_what_an_older_version_uploaded_is_the_default_owners(
    settings: Settings, database: Database
) -> None:
    with database.writing() as session:
        session.execute(
            text(
                "INSERT INTO datasets (id, name, task, target, examples, features, stored_bytes, "
                "columns, created_at, content) VALUES ('dat_1', 'theirs', 'regression', 'y', 2, 1, "
                "1, '[]', '2026-01-01T00:00:00.000Z', '')"
            )
        )
    for _ in range(2):
        tidy(database, settings)
        with database.seen_by("default").reading() as session:
            assert datasets.find(session, "dat_1").name == "theirs"
