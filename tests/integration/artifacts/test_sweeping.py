"""Objects and rows together, in a real store: nothing is lost, and nothing is left."""

from service.artifacts import put, read, sweep, sweep_all
from service.artifacts.keeping import register
from service.artifacts.moving import move_all
from service.db import Database, Session, checkpoints
from service.domain.artifacts import Content
from tests.integration.artifacts.conftest import Place
from tests.integration.db.record import finish, remove, rows, running
from tests.servers import S3


def keep(database: Database, held: dict[str, int], epoch: int, content: Content) -> None:
    with database.writing() as session:
        checkpoints.keep(session, held, [(job_id, epoch, content) for job_id in held])


def end_with(database: Database, content: Content) -> str:
    """A job that has these final weights."""
    job_id, held = running(database)
    with database.writing() as session:
        checkpoints.keep_weights(session, held, {job_id: content})
    finish(database, held)
    return job_id


def weights(database: Database, place: Place, job_id: str) -> bytes | None:
    return read(database, place.store, lambda session: checkpoints.read_weights(session, job_id))


def test_replaced_checkpoints_and_those_of_ended_jobs_go(database: Database, place: Place) -> None:
    job_id, held = running(database)
    for epoch, content in enumerate((b"one", b"two", b"three")):
        made = put(database, place.store, {f"checkpoints/{job_id}": content})
        keep(database, held, epoch, made[f"checkpoints/{job_id}"])
    assert len(place.urls()) == 3
    assert sweep_all(database, place.store) == 2
    assert [url.split("/")[-2] for url in place.urls()] == [job_id]
    finish(database, held)
    assert sweep_all(database, place.store) == 1
    assert place.urls() == []
    assert rows(database, "SELECT url FROM artifacts") == []


def test_what_a_killed_writer_left_goes_when_it_is_old(database: Database, files: Place) -> None:
    register(database, files.store, {"weights/never-written": b"one"})
    put(database, files.store, {"weights/never-named": b"two"})
    assert sweep(database, files.store) == 0
    assert len(files.urls()) == 1
    assert sweep(database, files.store, pending_s=0) == 2
    assert files.urls() == []


def test_objects_of_a_store_that_is_away_are_swept_when_it_is_back(
    database: Database, s3: S3, place: Place
) -> None:
    made = put(database, place.store, {"weights/job": b"one"})["weights/job"]
    remove(database, end_with(database, made))
    away = made.url.startswith("s3:")
    if away:
        s3.cut()
    assert sweep(database, place.store) == (0 if away else 1)
    if away:
        s3.mend()
        assert sweep(database, place.store) == 0  # another sweep may be at it
        past = "'2026-01-01T00:00:00.000Z'"
        with database.write_connection() as connection:
            connection.exec_driver_sql(f"UPDATE artifacts SET doomed_at = {past}")  # noqa: S608
        assert sweep(database, place.store) == 1
    assert place.urls() == []


def test_a_reader_that_meets_a_replacement_reads_that(database: Database, files: Place) -> None:
    """The row is read, then another object takes its place and the sweep comes, then the object
    would be read."""
    job_id, held = running(database)
    place = f"checkpoints/{job_id}"
    keep(database, held, 1, put(database, files.store, {place: b"one"})[place])
    looks = []

    def look(session: Session) -> Content | None:
        looks.append(checkpoints.read(session, [job_id])[job_id])
        return looks[-1]

    def look_and_replace(session: Session) -> Content | None:
        found = look(session)
        if len(looks) == 1:
            session.rollback()
            keep(database, held, 2, put(database, files.store, {place: b"two"})[place])
            sweep(database, files.store)
        return found

    assert read(database, files.store, look_and_replace) == b"two"
    assert len(looks) == 2


def test_weights_move_into_the_store_and_back(database: Database, place: Place) -> None:
    contents = {end_with(database, f"weights {n}".encode()): f"weights {n}" for n in range(3)}
    for into_store, there in ((True, 3), (False, 0)):
        assert list(move_all(database, place.store, into_store=into_store)) == [None] * 3
        assert list(move_all(database, place.store, into_store=into_store)) == []
        sweep_all(database, place.store)
        assert len(place.urls()) == there
        lengths = rows(database, "SELECT length(payload) > 0 FROM weights")
        assert {bool(one) for (one,) in lengths} == {not into_store}
        for job_id, content in contents.items():
            assert weights(database, place, job_id) == content.encode()


def test_what_is_lost_does_not_keep_the_rest_from_moving(database: Database, files: Place) -> None:
    jobs = [end_with(database, f"weights {n}".encode()) for n in range(2)]
    list(move_all(database, files.store, into_store=True))
    (lost,) = [url for url in files.urls() if jobs[0] in url]
    files.delete(lost)
    told = list(move_all(database, files.store, into_store=False))
    assert [one is None for one in told] == [False, True]
    assert lost in str(told[0])
    assert weights(database, files, jobs[1]) == b"weights 1"
