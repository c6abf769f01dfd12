"""Objects as the database knows them: named by a row that stands behind the fence, unnamed when
that goes, and swept in an order in which no row ever loses its bytes."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from service.db import Database, artifacts, checkpoints, claims, datasets
from service.db.artifact_tables import ArtifactRow
from service.db.artifacts import ObjectSwept
from service.domain.artifacts import Artifact
from service.domain.states import JobStatus
from tests.integration.db.record import finish, lapse, remove, retry, rows, running, take

LONG_S = 3600.0


def registered(database: Database, name: str) -> Artifact:
    made = Artifact.of(f"memory://{name}", name.encode())
    with database.writing() as session:
        artifacts.register(session, [made])
    return made


def keep(database: Database, held: dict[str, int], epoch: int, content: bytes | Artifact) -> None:
    with database.writing() as session:
        checkpoints.keep(session, held, [(job_id, epoch, content) for job_id in held])


def keep_weights(database: Database, held: dict[str, int], content: bytes | Artifact) -> None:
    with database.writing() as session:
        checkpoints.keep_weights(session, held, dict.fromkeys(held, content))


def kept(database: Database, job_id: str) -> bytes | Artifact | None:
    with database.reading() as session:
        return checkpoints.read(session, [job_id]).get(job_id)


def weights(database: Database, job_id: str) -> bytes | Artifact | None:
    with database.reading() as session:
        return checkpoints.read_weights(session, job_id)


def doomed(database: Database, *, pending_s: float = LONG_S) -> list[str]:
    with database.writing() as session:
        return sorted(artifacts.doom_unnamed(session, pending_s=pending_s, limit=100))


def test_a_row_has_the_object_or_the_bytes_that_it_was_given_last(database: Database) -> None:
    job_id, held = running(database)
    one, two = registered(database, "one"), registered(database, "two")
    for content in (one, b"here", two):
        keep(database, held, 1, content)
        assert kept(database, job_id) == content
    assert rows(database, "SELECT length(payload) FROM checkpoints") == [(0,)]
    assert doomed(database) == [one.url]


def test_weights_in_an_object_are_the_same_to_the_job(database: Database) -> None:
    job_id, held = running(database)
    one = registered(database, "one")
    keep_weights(database, held, one)
    finish(database, held)
    assert weights(database, job_id) == one
    assert doomed(database, pending_s=0) == []


def test_who_lost_the_job_names_nothing(database: Database) -> None:
    job_id, held = running(database)
    one, two = registered(database, "one"), registered(database, "two")
    lapse(database, job_id)
    keep(database, held, 1, one)
    keep_weights(database, held, two)
    assert (kept(database, job_id), weights(database, job_id)) == (None, None)
    assert doomed(database) == []  # it may still be on its way into another row
    assert doomed(database, pending_s=0) == [one.url, two.url]


def end(database: Database, job_id: str, held: dict[str, int]) -> None:
    finish(database, held)


def delete(database: Database, job_id: str, held: dict[str, int]) -> None:
    finish(database, held)
    remove(database, job_id)


def try_again(database: Database, job_id: str, held: dict[str, int]) -> None:
    finish(database, held, status=JobStatus.FAILED)
    retry(database, job_id)


@pytest.mark.parametrize(
    ("happens", "left"),
    [(end, {"weights"}), (delete, set()), (try_again, set())],
)
def test_what_goes_with_its_row_is_swept(
    database: Database, happens: Callable[..., None], left: set[str]
) -> None:
    job_id, held = running(database)
    made = {name: registered(database, name) for name in ("checkpoint", "weights")}
    keep(database, held, 1, made["checkpoint"])
    keep_weights(database, held, made["weights"])
    assert doomed(database, pending_s=0) == []
    happens(database, job_id, held)
    assert doomed(database) == sorted(made[name].url for name in made.keys() - left)


def test_the_weights_of_an_earlier_attempt_go_when_the_next_one_ends(database: Database) -> None:
    job_id, held = running(database)
    old, new = registered(database, "old"), registered(database, "new")
    keep_weights(database, held, old)
    lapse(database, job_id)
    with database.writing() as session:
        claims.give_up_on_silent_workers(session, max_attempts=3)
    again = take(database, job_id)
    keep_weights(database, again, new)
    finish(database, again)
    assert weights(database, job_id) == new
    assert doomed(database) == [old.url]


def test_no_row_can_name_an_object_that_is_being_removed(database: Database) -> None:
    job_id, held = running(database)
    one = registered(database, "one")
    assert doomed(database, pending_s=0) == [one.url]
    with pytest.raises(ObjectSwept):
        keep(database, held, 1, one)
    assert kept(database, job_id) is None


def test_two_sweeps_do_not_take_up_the_same_object(database: Database) -> None:
    one = registered(database, "one")
    assert doomed(database, pending_s=0) == [one.url]
    assert doomed(database, pending_s=0) == []
    earlier = "'2026-01-01T00:00:00.000Z'"
    with database.write_connection() as connection:
        connection.exec_driver_sql(f"UPDATE artifacts SET doomed_at = {earlier}")  # noqa: S608
    # Whoever took it up has been killed.
    assert doomed(database, pending_s=0) == [one.url]
    with database.writing() as session:
        artifacts.forget(session, [one.url])
    assert rows(database, "SELECT url FROM artifacts") == []


def test_an_object_that_is_being_named_is_passed_over(postgresql_url: str) -> None:
    """While the transaction that names it is open, that is: on SQLite there is one at a time."""
    database = Database(postgresql_url)
    job_id, held = running(database)
    one = registered(database, "one")
    with database.writing() as session:
        checkpoints.keep(session, held, [(job_id, 1, one)])
        session.flush()
        assert doomed(database, pending_s=0) == []
    assert kept(database, job_id) == one
    assert doomed(database, pending_s=0) == []
    database.dispose()


def test_two_first_uploads_at_once_leave_one_object(postgresql_url: str) -> None:
    """Whoever comes second waits for the first, and finds that the data are there."""
    database = Database(postgresql_url)
    row = dataset_row()
    one, two = registered(database, "one"), registered(database, "two")
    second = threading.Thread(target=store, args=(database, row, two))
    with database.writing() as session:
        datasets.store(session, row, one)
        second.start()
    second.join()
    assert content(database, row["id"]) == one
    assert doomed(database) == []
    assert doomed(database, pending_s=0) == [two.url]
    database.dispose()


def test_an_upload_that_meets_its_deletion_keeps_its_own_object(database: Database) -> None:
    row = dataset_row()
    one, two = registered(database, "one"), registered(database, "two")
    store(database, row, one)
    with database.writing() as session:
        datasets.remove(session, row["id"])
    store(database, row, two)
    assert content(database, row["id"]) == two
    assert doomed(database) == [one.url]


def test_a_lost_object_is_replaced_and_no_other(database: Database) -> None:
    row = dataset_row()
    one, two, three = (registered(database, name) for name in ("one", "two", "three"))
    store(database, row, one)
    store(database, row, two, instead_of=one)
    store(database, row, three, instead_of=one)  # mended already
    assert content(database, row["id"]) == two
    assert doomed(database) == [one.url]


def test_bytes_that_an_older_version_writes_are_what_is_read(database: Database) -> None:
    job_id, held = running(database)
    keep(database, held, 1, registered(database, "one"))
    with database.write_connection() as connection:
        (payload,) = (
            ("x'6F6C64'",) if connection.dialect.name == "sqlite" else ("'\\x6F6C64'::bytea",)
        )
        connection.exec_driver_sql(f"UPDATE checkpoints SET payload = {payload}")  # noqa: S608
    assert kept(database, job_id) == b"old"


def test_the_database_itself_refuses_to_forget_whose_an_object_is(database: Database) -> None:
    """The column has a foreign key: a name is always that of a row that is there."""
    registered(database, "one")
    with pytest.raises(Exception, match=r"(?i)foreign key"), database.writing() as session:
        session.query(ArtifactRow).update({"weights_of": "job_nobody"})


def dataset_row() -> dict[str, Any]:
    return {
        "id": f"dat_{7:032x}",
        "name": None,
        "task": "regression",
        "target": "y",
        "examples": 1,
        "features": 1,
        "classes": None,
        "stored_bytes": 3,
        "columns": [],
        "class_counts": None,
    }


def store(database: Database, row: dict[str, Any], content: Artifact, **more: Any) -> None:
    with database.writing() as session:
        datasets.store(session, row, content, **more)


def content(database: Database, dataset_id: str) -> bytes | Artifact:
    with database.reading() as session:
        return datasets.read_content(session, dataset_id)
