"""`subgrad artifacts move`, `subgrad prune` and `subgrad doctor`, with a store."""

from pathlib import Path

import pytest

from service.artifacts import Store, put
from service.db import Database, checkpoints
from service.domain.states import Outcome
from service.settings import Settings
from tests.integration.client.commands import CommandLine
from tests.integration.client.test_doctor import examine, verdicts
from tests.integration.db.record import finish, rows, running
from tests.servers import S3


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def end(database: Database, content: bytes, store: Store | None = None) -> str:
    job_id, held = running(database)
    place = f"weights/{job_id}"
    kept = content if store is None else put(database, store, {place: content})[place]
    with database.writing() as session:
        checkpoints.keep_weights(session, held, {job_id: kept})
    finish(database, held, outcome=Outcome.COMPLETED)
    return job_id


def test_weights_are_moved_there_and_back_and_pruned(
    tmp_path: Path, database: Database, s3: S3
) -> None:
    local = CommandLine("http://127.0.0.1:1")
    here = {"SUBGRAD_HOME": str(tmp_path), **s3.environment}
    there = here | {"SUBGRAD_ARTIFACTS_URL": s3.url}
    end(database, b"one")
    end(database, b"two", Store(s3.url))
    assert local("artifacts", "move", "--to", "store", environment=here).code == 2

    def move(to: str) -> object:
        return local("artifacts", "move", "--to", to, "--json", environment=there).json

    assert move("store") == {"moved": 1, "removed": 0, "lost": []}
    assert len(s3.urls()) == 2
    assert move("database") == {"moved": 2, "removed": 2, "lost": []}
    assert s3.urls() == []
    assert sorted(rows(database, "SELECT payload FROM weights")) == [(b"one",), (b"two",)]
    assert move("store") == {"moved": 2, "removed": 0, "lost": []}
    pruned = local("prune", "--older-than", "0s", "--json", environment=there).json
    assert (pruned["jobs"], pruned["objects"]) == ({"succeeded": 2}, 2)
    assert s3.urls() == []


def test_a_store_that_is_away_is_told_and_what_was_not_moved_is_still_there(
    tmp_path: Path, database: Database, s3: S3
) -> None:
    end(database, b"one", Store(s3.url))
    local = CommandLine("http://127.0.0.1:1")
    there = {"SUBGRAD_HOME": str(tmp_path), "SUBGRAD_ARTIFACTS_URL": s3.url, **s3.environment}
    s3.cut()
    ran = local("artifacts", "move", "--to", "database", environment=there)
    s3.mend()
    assert ran.code == 3
    assert "0 moved, then: The object store" in ran.errors
    assert len(s3.urls()) == 1


def test_the_doctor_tries_the_store_and_leaves_nothing_there(settings: Settings, s3: S3) -> None:
    with_store = settings.model_copy(update={"artifacts_url": s3.url})
    assert verdicts(examine(with_store)[1])["objects"] == {"ok"}
    assert s3.urls() == []
    assert "objects" not in verdicts(examine(settings)[1])


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("s3://nobodys-bucket/x", "bucket"),
        ("gopher://old/objects", "Protocol not known"),
        ("file:///dev/null/objects", "Not a directory"),
    ],
)
def test_the_doctor_says_what_is_wrong_with_the_store(
    settings: Settings, s3: S3, url: str, told: str
) -> None:
    code, found = examine(settings.model_copy(update={"artifacts_url": url}))
    assert code == 1
    (finding,) = found["objects"]
    assert finding["verdict"] == "failed"
    assert told in finding["detail"]
    assert "SUBGRAD_ARTIFACTS_URL" in finding["advice"]
